//! Properties of every decoder, for any bytes: chunk boundaries do not matter, no delta follows the end, the
//! result's texts are those of the deltas, and memory is bounded.
//!
//! The bytes are damaged transcripts: they reach further into a decoder than noise.

use allocation_counter::measure;
use proptest::prelude::*;
use support::wire::{cut, of_type, response};
use tower_llm_callbacks::{
    Delta,
    event::Accumulator,
    wire::{
        Decoder, Format,
        anthropic::AnthropicDecoder,
        bedrock::{ConverseDecoder, InvokeDecoder},
        cohere::CohereDecoder,
        dashscope::DashScopeDecoder,
        gemini::GeminiDecoder,
        gemini_interactions::InteractionsDecoder,
        mistral::ConversationsDecoder,
        ollama::OllamaDecoder,
        openai_chat::OpenAiChatDecoder,
        openai_responses::OpenAiResponsesDecoder,
        operations::{Embeddings, Images, Speech, Transcriptions},
        text_generation::TextGenerationDecoder,
    },
};

type New = fn() -> Box<dyn Decoder>;

/// All decoders, each with defaults, with a small limit, and for an unstreamed body.
const DECODERS: &[(&str, [New; 3])] = &[
    (
        "anthropic",
        [
            || Box::new(AnthropicDecoder::new()),
            || Box::new(AnthropicDecoder::with_limit(100)),
            || Box::new(AnthropicDecoder::whole()),
        ],
    ),
    (
        "openai chat",
        [
            || Box::new(OpenAiChatDecoder::new()),
            || Box::new(OpenAiChatDecoder::with_limit(100)),
            || Box::new(OpenAiChatDecoder::whole()),
        ],
    ),
    (
        "openai responses",
        [
            || Box::new(OpenAiResponsesDecoder::new()),
            || Box::new(OpenAiResponsesDecoder::with_limit(100)),
            || Box::new(OpenAiResponsesDecoder::whole()),
        ],
    ),
    (
        "gemini",
        [
            || Box::new(GeminiDecoder::new()),
            || Box::new(GeminiDecoder::with_limit(100)),
            || Box::new(GeminiDecoder::whole()),
        ],
    ),
    (
        "ollama",
        [
            || Box::new(OllamaDecoder::new()),
            || Box::new(OllamaDecoder::with_limit(100)),
            || Box::new(OllamaDecoder::whole()),
        ],
    ),
    (
        "converse",
        [
            || Box::new(ConverseDecoder::new()),
            || Box::new(ConverseDecoder::with_limit(100)),
            || Box::new(ConverseDecoder::whole()),
        ],
    ),
    (
        "invoke",
        [
            || Box::new(InvokeDecoder::new()),
            || Box::new(InvokeDecoder::with_limit(100)),
            || Box::new(InvokeDecoder::whole()),
        ],
    ),
    (
        "cohere",
        [
            || Box::new(CohereDecoder::new()),
            || Box::new(CohereDecoder::with_limit(100)),
            || Box::new(CohereDecoder::whole()),
        ],
    ),
    (
        "dashscope",
        [
            || Box::new(DashScopeDecoder::new()),
            || Box::new(DashScopeDecoder::with_limit(100)),
            || Box::new(DashScopeDecoder::whole()),
        ],
    ),
    (
        "gemini interactions",
        [
            || Box::new(InteractionsDecoder::new()),
            || Box::new(InteractionsDecoder::with_limit(100)),
            || Box::new(InteractionsDecoder::whole()),
        ],
    ),
    (
        "mistral",
        [
            || Box::new(ConversationsDecoder::new()),
            || Box::new(ConversationsDecoder::with_limit(100)),
            || Box::new(ConversationsDecoder::whole()),
        ],
    ),
    (
        "text generation",
        [
            || Box::new(TextGenerationDecoder::new()),
            || Box::new(TextGenerationDecoder::with_limit(100)),
            || Box::new(TextGenerationDecoder::whole()),
        ],
    ),
    (
        "outputs",
        [
            || decoder(&Images, None),
            || decoder(&Embeddings, Some("application/json")),
            || decoder(&Speech, None),
        ],
    ),
    (
        "transcripts",
        [
            || decoder(&Transcriptions, None),
            || decoder(&Transcriptions, Some("application/json")),
            || decoder(&Transcriptions, Some("text/plain")),
        ],
    ),
];

fn decoder(format: &dyn Format, content_type: Option<&str>) -> Box<dyn Decoder> {
    format.decoder(&response(&of_type(content_type)))
}

const TRANSCRIPTS: &[&str] = &[
    r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","model":"claude","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Grüße 🙂"}}

data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}

data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}

event: message_stop
data: {"type":"message_stop"}

"#,
    r#"event: error
data: {"type":"error","error":{"type":"overloaded_error","message":"Busy"}}

"#,
    r#"{"id":"msg_1","type":"message","model":"claude","content":[{"type":"text","text":"Hi"},{"type":"tool_use","id":"t","name":"f","input":{"x":1}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":1}}"#,
    r#"data: {"id":"c","object":"chat.completion.chunk","model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hello \ud83d"}},{"index":1,"delta":{"content":"☃"}}]}

data: {"choices":[{"index":0,"delta":{"reasoning_content":"hm","tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"{"}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}

data: [DONE]

"#,
    "data: {\"choices\":[{\"text\":\"old\"}]}\r\n\r\nerror: {\"message\":\"broke\",\"code\":500}\r\n\r\n",
    r#"{"object":"chat.completion","choices":[{"index":0,"message":{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"}]},"finish_reason":"stop"}]}"#,
    r#"event: response.created
data: {"type":"response.created","response":{"id":"r","object":"response","status":"in_progress","model":"gpt","output":[]}}

data: {"type":"response.output_text.delta","item_id":"m","output_index":0,"delta":"Hey"}

data: {"type":"response.output_item.added","output_index":1,"item":{"id":"fc","type":"function_call","call_id":"c1","name":"f","arguments":""}}

data: {"type":"response.function_call_arguments.delta","item_id":"fc","output_index":1,"delta":"{}"}

data: {"type":"response.completed","response":{"id":"r","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"Hey"}]}],"usage":{"input_tokens":2,"output_tokens":1}}}

"#,
    r#"{"object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}]},{"type":"message","content":[{"type":"refusal","refusal":"No"}]}]}"#,
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hello\"},{\"text\":\"hm\",\"thought\":true}]},\"index\":0}]}\r\n\r\n\
     data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}},{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a[1]['b']\",\"stringValue\":\"x\"}]}},{\"functionCall\":{}}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":2,\"totalTokenCount\":5}}\r\n\r\n",
    r#"[{"candidates":[{"content":{"parts":[{"text":"Hello [\"}"}]}}]},
{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":[1]}}}]},"finishReason":"STOP"}]}]"#,
    r#"{"model":"llama","message":{"role":"assistant","content":"Yes ","thinking":"hm"},"done":false}
{"model":"llama","message":{"content":"♥","tool_calls":[{"function":{"name":"f","arguments":{"a":"b"}}}]},"done":false}
{"model":"llama","message":{"content":""},"done":true,"done_reason":"stop","eval_count":3}
"#,
    "{\"response\":\"One\",\"done\":false}\r\n\r\n{\"error\":\"model stopped\"}",
    // What a proxy may make of the frames of AWS.
    "event: contentBlockDelta\ndata: {\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hi\"}}\n\ndata: {\"contentBlockDelta\":{\"delta\":{\"text\":\"you\"}}}\n\ndata: {\"generation\":\"☃\",\"prompt_token_count\":2}\n\ndata: {\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":1}}\n\n",
    r#"{"output":{"message":{"content":[{"text":"Hi"},{"toolUse":{"toolUseId":"t","name":"f","input":{"a":[1]}}}]}},"stopReason":"tool_use","usage":{"inputTokens":1,"outputTokens":2}}"#,
    r#"event: message-start
data: {"type":"message-start","id":"c1","delta":{"message":{"role":"assistant","content":[]}}}

data: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":"h"}}}}

data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Grüße"}}}}

data: {"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"t","function":{"name":"f","arguments":"{"}}}}}

data: {"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"}"}}}}}

data: {"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":3.0,"output_tokens":2.0}}}}

"#,
    r#"{"event_type":"stream-start","generation_id":"g"}
{"event_type":"text-generation","text":"Hi"}
{"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"name":"f","parameters":"{\"a\":"}}
{"event_type":"tool-calls-generation","tool_calls":[{"name":"f","parameters":{"a":1}}]}
{"event_type":"stream-end","finish_reason":"COMPLETE","response":{"text":"Hi","meta":{"billed_units":{"input_tokens":3}}}}
"#,
    r#"data: {"event_type":"interaction.created","interaction":{"id":"i","model":"g","status":"in_progress"}}

data: {"event_type":"step.start","index":0,"step":{"type":"thought"}}

data: {"event_type":"step.delta","index":0,"delta":{"type":"thought_summary","content":{"text":"hm"}}}

data: {"event_type":"step.delta","index":1,"delta":{"type":"text","text":"Hi"},"metadata":{"usage":{"total_tokens":3}}}

data: {"event_type":"step.start","index":2,"step":{"type":"function_call","id":"t","name":"f","arguments":{}}}

data: {"event_type":"step.delta","index":2,"delta":{"type":"arguments_delta","arguments":"{\"x\":2}"}}

data: {"event_type":"interaction.completed","interaction":{"status":"completed","usage":{"total_input_tokens":3,"total_output_tokens":2}}}


data: [DONE]

"#,
    r#"{"data":[{"index":0,"embedding":[0.0123456789,-0.0123456789,0.0123456789,-0.0123456789,0.0123456789,-0.0123456789,0.0123456789,-0.0123456789,0.0123456789,-0.0123456789,0.0123456789,-0.0123456789,0.0123456789,-0.0123456789,0.0123456789,-0.0123456789,0.0123456789,-0.0123456789,0.0123456789,-0.0123456789]}],"model":"m","usage":{"prompt_tokens":2}}"#,
    r#"data: {"type":"image_edit.completed","b64_json":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVQYV2NgAAIAAAUAAarVyFEiVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVQYV2NgAAIAAAUAAarVyFEiVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVQYV2NgAAIAAAUAAarVyFEiVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVQYV2NgAAIAAAUAAarVyFE=","usage":{"total_tokens":3}}

"#,
    r#"data: {"type":"transcript.text.delta","delta":"Grüße"}

data: {"type":"transcript.text.done","text":"Grüße","usage":{"type":"tokens","input_tokens":3,"output_tokens":2}}

data: [DONE]

"#,
    r#"data: {"type":"conversation.response.started","conversation_id":"c"}

data: {"type":"message.output.delta","output_index":0,"content":"Hi","model":"m"}

data: {"type":"message.output.delta","output_index":0,"content":{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}}

data: {"type":"function.call.delta","output_index":1,"tool_call_id":"t","name":"f","arguments":"{}"}

data: {"type":"conversation.response.done","usage":{"prompt_tokens":3,"completion_tokens":2,"connectors":{}}}

"#,
    "event: completion\ndata: {\"completion\":\" Hi\",\"stop_reason\":null}\n\ndata: {\"completion\":\"\",\"stop_reason\":\"stop_sequence\"}\n\n",
    "data: {\"content\":\"Hi\",\"stop\":false,\"index\":0}\n\ndata: {\"content\":\"\",\"stop\":true,\"stop_type\":\"eos\",\"tokens_evaluated\":3}\n\n",
    "data:{\"index\":1,\"token\":{\"id\":1,\"text\":\"Hi\",\"special\":false},\"generated_text\":null}\n\ndata: {\"results\":[{\"generated_text\":\"Hi\",\"generated_token_count\":1,\"stop_reason\":\"eos_token\"}]}\n\n",
];

/// Damage to a transcript. Positions are fractions of its length.
#[derive(Debug, Clone)]
enum Damage {
    Flip(f64, u8),
    Delete(f64, usize),
    Repeat(f64, usize),
    Truncate(f64),
    /// Continues with another transcript, from a position in that one.
    Splice(f64, usize, f64),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        // A fraction of the length as a byte index, up to and including the end.
        let place = |share: f64, len: usize| (share * (len as f64 + 1.0)) as usize;
        let len = bytes.len();
        let end = |from: usize, count: usize| from.saturating_add(count).min(len);
        match *self {
            Self::Flip(at, bits) => {
                if let Some(byte) = bytes.get_mut(place(at, len)) {
                    *byte ^= bits;
                }
            }
            Self::Delete(at, count) => {
                let from = place(at, len);
                bytes.drain(from..end(from, count));
            }
            Self::Repeat(at, count) => {
                let from = place(at, len);
                let again = bytes[from..end(from, count)].to_vec();
                bytes.splice(from..from, again);
            }
            Self::Truncate(at) => bytes.truncate(place(at, len)),
            Self::Splice(at, which, from) => {
                let other = TRANSCRIPTS[which].as_bytes();
                bytes.truncate(place(at, len));
                bytes.extend_from_slice(&other[place(from, other.len())..]);
            }
        }
    }
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let damage = prop_oneof![
        (0.0..1.0, 1_u8..).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (0.0..1.0, 1_usize..60).prop_map(|(at, count)| Damage::Delete(at, count)),
        (0.0..1.0, 1_usize..400).prop_map(|(at, count)| Damage::Repeat(at, count)),
        (0.5..1.0).prop_map(Damage::Truncate),
        (0.0..1.0, 0..TRANSCRIPTS.len(), 0.0..1.0)
            .prop_map(|(at, which, from)| Damage::Splice(at, which, from)),
    ];
    (0..TRANSCRIPTS.len(), prop::collection::vec(damage, 0..5)).prop_map(|(which, damages)| {
        let mut bytes = TRANSCRIPTS[which].as_bytes().to_vec();
        for damage in damages {
            damage.apply(&mut bytes);
        }
        bytes
    })
}

/// Decodes the pieces. Asserts that no delta follows the end.
fn decode(decoder: &mut dyn Decoder, pieces: &[&[u8]]) -> Vec<Delta<'static>> {
    let mut all: Vec<Delta<'static>> = Vec::new();
    let mut each = |delta: Delta<'_>| {
        let last = all.last();
        let ended = matches!(last, Some(Delta::Done | Delta::Error(_)));
        assert!(!ended, "{delta:?} after {last:?}");
        all.push(delta.into_owned());
    };
    for piece in pieces {
        decoder.push(piece, &mut each);
    }
    decoder.finish(&mut each);
    for transcript in TRANSCRIPTS {
        decoder.push(transcript.as_bytes(), &mut |delta| panic!("{delta:?} after the end"));
        decoder.finish(&mut |delta| panic!("{delta:?} after the end"));
    }
    all
}

fn check(bytes: &[u8], lengths: &[usize]) {
    let pieces = cut(bytes, lengths);
    for (name, news) in DECODERS {
        for new in news {
            let all = decode(&mut *new(), &[bytes]);
            assert_eq!(decode(&mut *new(), &pieces), all, "{name}");
            assert_sums(&all);
        }
    }
}

/// Asserts that the result's texts are those of the deltas.
fn assert_sums(all: &[Delta<'_>]) {
    let mut sum = Accumulator::new();
    for delta in all {
        sum.delta(delta);
    }
    let result = sum.finish();
    let faults = all.iter().filter(|delta| matches!(delta, Delta::DecodeFault)).count();
    assert_eq!(result.decode_faults, u64::try_from(faults).unwrap());
    for choice in &result.choices {
        let (mut texts, mut reasonings, mut refusals) = Default::default();
        for delta in all {
            let (to, index, text): (&mut String, _, _) = match delta {
                Delta::Text { choice, text } => (&mut texts, *choice, text),
                Delta::Reasoning { choice, text } => (&mut reasonings, *choice, text),
                Delta::Refusal { choice, text } => (&mut refusals, *choice, text),
                _ => continue,
            };
            if index == choice.index {
                to.push_str(text);
            }
        }
        assert_eq!((&choice.text, &choice.reasoning), (&texts, &reasonings));
        assert_eq!(choice.refusal, refusals);
    }
    let decoded = all.iter().filter(|delta| matches!(delta, Delta::Text { .. }));
    let decoded: usize = decoded.filter_map(Delta::content).map(str::len).sum();
    assert_eq!(result.choices.iter().map(|choice| choice.text.len()).sum::<usize>(), decoded);
}

#[test]
fn undamaged_transcripts() {
    for transcript in TRANSCRIPTS {
        for size in [1, 2, 3, 7, 64] {
            check(transcript.as_bytes(), &[size]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_transcripts(bytes in soup(), lengths in prop::collection::vec(1_usize..60, 1..8)) {
        check(&bytes, &lengths);
    }
}

/// The limit of the decoders in `LIMITED`.
const LIMIT: u64 = 4 * 1024;
const BODY: usize = 1024 * 1024;

const LIMITED: &[(&str, New)] = &[
    ("anthropic", || Box::new(AnthropicDecoder::with_limit(4 * 1024))),
    ("openai chat", || Box::new(OpenAiChatDecoder::with_limit(4 * 1024))),
    ("openai responses", || Box::new(OpenAiResponsesDecoder::with_limit(4 * 1024))),
    ("gemini", || Box::new(GeminiDecoder::with_limit(4 * 1024))),
    ("ollama", || Box::new(OllamaDecoder::with_limit(4 * 1024))),
    ("converse", || Box::new(ConverseDecoder::with_limit(4 * 1024))),
    ("invoke", || Box::new(InvokeDecoder::with_limit(4 * 1024))),
    ("cohere", || Box::new(CohereDecoder::with_limit(4 * 1024))),
    ("dashscope", || Box::new(DashScopeDecoder::with_limit(4 * 1024))),
    ("gemini interactions", || Box::new(InteractionsDecoder::with_limit(4 * 1024))),
    ("mistral", || Box::new(ConversationsDecoder::with_limit(4 * 1024))),
    ("text generation", || Box::new(TextGenerationDecoder::with_limit(4 * 1024))),
];

/// The maximum number of bytes allocated while a decoder reads 1 MiB in pieces.
fn peak(new: New, bytes: &[u8]) -> u64 {
    measure(|| {
        let mut decoder = new();
        for piece in bytes.chunks(1000) {
            decoder.push(piece, &mut |_| {});
        }
        decoder.finish(&mut |_| {});
    })
    .bytes_max
}

/// 1 MiB of numbered parts.
fn endless(part: impl Fn(usize) -> String) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0.. {
        if bytes.len() >= BODY {
            break;
        }
        bytes.extend_from_slice(part(number).as_bytes());
    }
    bytes
}

#[test]
fn unterminated_lines_items_and_strings_are_not_held() {
    let long = "x".repeat(BODY);
    let bodies = [
        long.clone(),
        format!("data: {long}"),
        format!("data: {{\"type\":\"{long}"),
        "data: x\n".repeat(BODY / 8),
        "event: x\n".repeat(BODY / 8),
        "id: x\ndata:\n".repeat(BODY / 12),
        format!("id: {long}\n\n"),
        "\n".repeat(BODY),
        "\r".repeat(BODY),
        "\u{FEFF}".repeat(BODY / 3),
        "[".repeat(BODY),
        "{".repeat(BODY),
        format!("data: {}", "[".repeat(BODY)),
        format!("[{{\"a\":\"{long}"),
        "[{".repeat(BODY / 2),
        "{\"a\":".repeat(BODY / 5),
        "{}\n".repeat(BODY / 3),
        "[{},".repeat(BODY / 4),
    ];
    for body in bodies {
        for (name, new) in LIMITED {
            let peak = peak(*new, body.as_bytes());
            let start: String = body.chars().take(20).collect();
            assert!(peak <= 8 * LIMIT, "{name}, {start:?}: {peak} bytes");
        }
    }
}

#[test]
fn invalid_utf8_grows_within_the_limit() {
    let long = vec![0xFF; BODY];
    let mut lines = Vec::new();
    while lines.len() < BODY {
        lines.extend_from_slice(b"data: ");
        lines.extend_from_slice(&long[..4000]);
        lines.extend_from_slice(b"\n\n");
    }
    // Invalid bytes are replaced by characters three times as long.
    for body in [long, lines] {
        for (name, new) in LIMITED {
            let peak = peak(*new, &body);
            assert!(peak <= 16 * LIMIT, "{name}: {peak} bytes");
        }
    }
}

#[test]
fn endless_numbered_parts_are_held_up_to_a_bound() {
    type Part = fn(usize) -> String;
    let bodies: [(&str, Part); 15] = [
        ("blocks", |n| {
            format!(
                "data: {{\"type\":\"content_block_start\",\"index\":{n},\"content_block\":{{\"type\":\"tool_use\",\"id\":\"t{n}\",\"name\":\"f\"}}}}\n\n"
            )
        }),
        ("usage", |n| {
            format!(
                "data: {{\"type\":\"message_delta\",\"delta\":{{}},\"usage\":{{\"k{n}\":{n}}}}}\n\n"
            )
        }),
        ("choices", |n| {
            format!("data: {{\"choices\":[{{\"index\":{n},\"delta\":{{\"content\":\"x\"}}}}]}}\n\n")
        }),
        ("finishes", |n| {
            format!("data: {{\"choices\":[{{\"index\":0,\"finish_reason\":\"r{n}\"}}]}}\n\n")
        }),
        ("calls", |n| {
            format!(
                "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":{n},\"id\":\"c{n}\"}}]}}}}]}}\n\n"
            )
        }),
        ("calls of choices", |n| {
            let calls: Vec<_> = (0..150)
                .map(|call| format!("{{\"index\":{},\"id\":\"a\"}}", n / 1000 * 150 + call))
                .collect();
            format!(
                "data: {{\"choices\":[{{\"index\":{},\"delta\":{{\"tool_calls\":[{}]}}}}]}}\n\n",
                n % 1000,
                calls.join(",")
            )
        }),
        ("items", |n| {
            format!(
                "data: {{\"type\":\"response.output_item.added\",\"output_index\":{n},\"item\":{{\"id\":\"i{n}\",\"type\":\"function_call\"}}}}\n\n"
            )
        }),
        ("long ids", |n| {
            format!(
                "data: {{\"type\":\"response.output_item.added\",\"item\":{{\"id\":\"{n}{}\",\"type\":\"message\"}}}}\n\n",
                "i".repeat(200)
            )
        }),
        ("candidates", |n| {
            format!(
                "data: {{\"candidates\":[{{\"index\":{n},\"content\":{{\"parts\":[{{\"functionCall\":{{\"name\":\"f\",\"willContinue\":true}}}}]}}}}]}}\n\n"
            )
        }),
        ("places in arguments", |n| {
            format!(
                "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"functionCall\":{{\"name\":\"f\",\"partialArgs\":[{{\"jsonPath\":\"$.a{n}\",\"numberValue\":1}}],\"willContinue\":true}}}}]}}}}]}}\n\n"
            )
        }),
        ("a text in arguments", |_| {
            format!(
                "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"functionCall\":{{\"partialArgs\":[{{\"jsonPath\":\"$.a\",\"stringValue\":\"{}\",\"willContinue\":true}}],\"willContinue\":true}}}}]}}}}]}}\n\n",
                "x".repeat(2000)
            )
        }),
        ("calls by id", |n| {
            format!(
                "data: {{\"type\":\"function.call.delta\",\"tool_call_id\":\"t{n}\",\"arguments\":\"{{\"}}\n\n"
            )
        }),
        ("steps", |n| {
            format!(
                "data: {{\"event_type\":\"step.start\",\"index\":{n},\"step\":{{\"type\":\"function_call\"}}}}\n\n"
            )
        }),
        ("prompts", |n| format!("data: {{\"content\":\"x\",\"index\":{n}}}\n\n")),
        ("lines", |n| {
            format!(
                "{{\"model\":\"m{n}\",\"message\":{{\"content\":\"\",\"tool_calls\":[{{\"id\":\"{n}\",\"function\":{{\"name\":\"f\"}}}}]}}}}\n"
            )
        }),
    ];
    for (what, part) in bodies {
        let body = endless(part);
        // Fragmented arguments are emitted as one delta, of up to 16 MiB whatever the limit.
        let bound = if what == "a text in arguments" { 8 * BODY } else { BODY / 2 };
        let bound = u64::try_from(bound).unwrap();
        for (name, new) in LIMITED {
            let peak = peak(*new, &body);
            assert!(peak <= bound, "{what}, {name}: {peak} bytes");
        }
    }
}
