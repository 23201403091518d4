use serde_json::{Value, json};
use support::frames::chunk;
use tower_llm_callbacks::{
    Delta,
    event::ProviderError,
    wire::{anthropic::AnthropicDecoder, bedrock::InvokeDecoder},
};

use super::{call, content, read, usages};

const METRICS: &str = "amazon-bedrock-invocationMetrics";

fn metrics(input: u64, output: u64) -> Value {
    json!({"inputTokenCount": input, "outputTokenCount": output, "invocationLatency": 9})
}

fn stream(chunks: &[Value]) -> Vec<Delta<'static>> {
    let body: Vec<u8> = chunks.iter().flat_map(|it| chunk(&it.to_string())).collect();
    read(InvokeDecoder::new, &body)
}

fn whole(body: &Value) -> Vec<Delta<'static>> {
    let body = body.to_string();
    let whole = read(InvokeDecoder::whole, body.as_bytes());
    assert_eq!(read(InvokeDecoder::new, body.as_bytes()), whole);
    whole
}

fn choice(choice: u32, text: &'static str) -> Delta<'static> {
    Delta::Text { choice, text: text.into() }
}

fn finish(choice: u32, reason: &'static str) -> Delta<'static> {
    Delta::Finish { choice, reason: reason.into() }
}

#[test]
fn streams_of_every_family() {
    let last = |mut chunk: Value| {
        chunk[METRICS] = metrics(3, 2);
        chunk
    };
    let families: [(&str, [Value; 3]); 9] = [
        (
            "Anthropic's completions",
            [
                json!({"type": "completion", "completion": "Hi ", "stop_reason": null}),
                json!({"type": "completion", "completion": "you", "stop_reason": null}),
                last(json!({"type": "completion", "completion": "", "stop_reason": "stop"})),
            ],
        ),
        (
            "Titan",
            [
                json!({"outputText": "Hi ", "index": 0, "completionReason": null, "inputTextTokenCount": 3, "totalOutputTextTokenCount": null}),
                json!({"outputText": "you", "index": 0, "completionReason": null, "inputTextTokenCount": null, "totalOutputTextTokenCount": null}),
                last(
                    json!({"outputText": "", "index": 0, "completionReason": "stop", "totalOutputTextTokenCount": 2, "inputTextTokenCount": 3}),
                ),
            ],
        ),
        (
            "Llama",
            [
                json!({"generation": "Hi ", "prompt_token_count": 3, "generation_token_count": 1, "stop_reason": null}),
                json!({"generation": "you", "prompt_token_count": 0, "generation_token_count": 2, "stop_reason": null}),
                last(
                    json!({"generation": "", "prompt_token_count": null, "generation_token_count": 2, "stop_reason": "stop"}),
                ),
            ],
        ),
        (
            "Mistral",
            [
                json!({"outputs": [{"text": "Hi ", "stop_reason": null}]}),
                json!({"outputs": [{"text": "you", "stop_reason": null}]}),
                last(json!({"outputs": [{"text": "", "stop_reason": "stop"}]})),
            ],
        ),
        (
            "Cohere",
            [
                json!({"text": "Hi ", "is_finished": false}),
                json!({"text": "you", "is_finished": false}),
                last(json!({"is_finished": true, "finish_reason": "stop"})),
            ],
        ),
        (
            "Command R",
            [
                json!({"event_type": "text-generation", "text": "Hi ", "is_finished": false}),
                json!({"event_type": "text-generation", "text": "you", "is_finished": false}),
                last(
                    json!({"event_type": "stream-end", "is_finished": true, "finish_reason": "stop", "response": {"text": "Hi you"}}),
                ),
            ],
        ),
        (
            "DeepSeek",
            [
                json!({"choices": [{"text": "Hi ", "stop_reason": null}]}),
                json!({"choices": [{"text": "you", "stop_reason": null}]}),
                last(json!({"choices": [{"text": "", "stop_reason": "stop"}]})),
            ],
        ),
        (
            "Nova",
            [
                json!({"contentBlockDelta": {"delta": {"text": "Hi "}, "contentBlockIndex": 0}}),
                json!({"contentBlockDelta": {"delta": {"text": "you"}, "contentBlockIndex": 0}}),
                last(json!({"messageStop": {"stopReason": "stop"}})),
            ],
        ),
        (
            "OpenAI's chat",
            [
                json!({"choices": [{"index": 0, "delta": {"content": "Hi "}}]}),
                json!({"choices": [{"index": 0, "delta": {"content": "you"}}]}),
                last(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})),
            ],
        ),
    ];
    for (family, chunks) in families {
        let deltas = stream(&chunks);
        assert_eq!(usages(&deltas).last(), Some(&(Some(3), Some(2))), "{family}");
        let expected = [Delta::text("Hi "), Delta::text("you"), Delta::finish("stop"), Delta::Done];
        assert_eq!(content(deltas), expected, "{family}");
        // The last chunk is missing.
        let cut = content(stream(&chunks[..2]));
        assert_eq!(cut, expected[..2], "{family}");
    }
}

#[test]
fn messages_have_their_own_usage() {
    let deltas = stream(&[
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 7, "cache_read_input_tokens": 100, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{\"a\":1}"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop", METRICS: metrics(9, 9)}),
    ]);
    assert_eq!(usages(&deltas), [(Some(107), Some(1)), (Some(107), Some(5))]);
    assert_eq!(
        content(deltas),
        [
            Delta::response("msg_1", "claude"),
            call(0, Some("t"), Some("f"), ""),
            call(0, None, None, "{\"a\":1}"),
            Delta::finish("tool_use"),
            Delta::Done,
        ]
    );
}

#[test]
fn whole_answers_of_every_family() {
    for (family, body, counts) in [
        (
            "Anthropic's messages",
            json!({"type": "message", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "stop", "usage": {"input_tokens": 3, "output_tokens": 2}}),
            true,
        ),
        (
            "Anthropic's completions",
            json!({"type": "completion", "completion": "Hi", "stop_reason": "stop"}),
            false,
        ),
        (
            "Titan",
            json!({"inputTextTokenCount": 3, "results": [{"tokenCount": 2, "outputText": "Hi", "completionReason": "stop"}]}),
            true,
        ),
        (
            "Llama",
            json!({"generation": "Hi", "prompt_token_count": 3, "generation_token_count": 2, "stop_reason": "stop"}),
            true,
        ),
        ("Mistral", json!({"outputs": [{"text": "Hi", "stop_reason": "stop"}]}), false),
        (
            "Cohere",
            json!({"generations": [{"id": "g", "text": "Hi", "finish_reason": "stop"}]}),
            false,
        ),
        ("Command R", json!({"text": "Hi", "finish_reason": "stop", "chat_history": []}), false),
        (
            "Jurassic",
            json!({"completions": [{"data": {"text": "Hi"}, "finishReason": {"reason": "stop"}}]}),
            false,
        ),
        ("DeepSeek", json!({"choices": [{"text": "Hi", "stop_reason": "stop"}]}), false),
        (
            "Nova",
            json!({"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "stop", "usage": {"inputTokens": 3, "outputTokens": 2}}),
            true,
        ),
        (
            "OpenAI's chat",
            json!({"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}),
            true,
        ),
    ] {
        let deltas = whole(&body);
        let expected: &[_] = if counts { &[(Some(3), Some(2))] } else { &[] };
        assert_eq!(usages(&deltas), expected, "{family}");
        let mut content = content(deltas);
        content.retain(|delta| !matches!(delta, Delta::Response { .. }));
        assert_eq!(
            content,
            [Delta::NotStreamed, Delta::text("Hi"), Delta::finish("stop"), Delta::Done],
            "{family}"
        );
    }
}

#[test]
fn several_choices() {
    let text = |index: u64, text: &str| json!({"index": index, "text": text, "is_finished": false});
    let last = json!({"finish_reason": "COMPLETE", "is_finished": true, METRICS: metrics(3, 4)});
    let deltas = stream(&[text(0, "a"), text(1, "b"), text(0, "c"), last]);
    assert_eq!(
        content(deltas),
        [
            choice(0, "a"),
            choice(1, "b"),
            choice(0, "c"),
            finish(0, "COMPLETE"),
            finish(1, "COMPLETE"),
            Delta::Done,
        ]
    );
    let deltas = whole(&json!({"id": "r", "generations": [
        {"text": "a", "finish_reason": "COMPLETE"}, {"text": "b", "finish_reason": "MAX_TOKENS"},
    ]}));
    assert_eq!(
        deltas,
        [
            Delta::NotStreamed,
            Delta::Response { id: Some("r".into()), model: None },
            choice(0, "a"),
            finish(0, "COMPLETE"),
            choice(1, "b"),
            finish(1, "MAX_TOKENS"),
            Delta::Done,
        ]
    );
}

#[test]
fn calls_of_command_r() {
    let calls = json!([{"name": "f", "parameters": {"a": 1}}, {"name": "g", "parameters": {}}]);
    let deltas = whole(&json!({"text": "", "tool_calls": calls, "finish_reason": "COMPLETE"}));
    assert_eq!(
        deltas,
        [
            Delta::NotStreamed,
            call(0, None, Some("f"), "{\"a\":1}"),
            call(1, None, Some("g"), "{}"),
            Delta::finish("COMPLETE"),
            Delta::Done,
        ]
    );
}

#[test]
fn chats_of_mistral() {
    let message = json!({"role": "assistant", "content": "Hi", "tool_calls": []});
    let choice = |reason: Value| json!({"choices": [{"index": 0, "message": message, "stop_reason": reason}]});
    let mut deltas = whole(&choice(json!("length")));
    let expected = [Delta::text("Hi"), Delta::finish("length"), Delta::Done];
    assert_eq!(deltas, [&[Delta::NotStreamed][..], &expected].concat());
    let mut last = choice(json!("length"));
    last[METRICS] = metrics(3, 2);
    deltas = content(stream(&[last]));
    assert_eq!(deltas, expected);
}

#[test]
fn messages_of_pegasus() {
    let deltas = whole(&json!({"message": "A video", "finishReason": "stop"}));
    let text = [Delta::text("A video"), Delta::finish("stop"), Delta::Done];
    assert_eq!(deltas, [&[Delta::NotStreamed][..], &text].concat());
    let deltas = stream(&[
        json!({"message": "A "}),
        json!({"message": "video", "finishReason": "stop", METRICS: metrics(3, 2)}),
    ]);
    assert_eq!(content(deltas), [&[Delta::text("A "), Delta::text("video")], &text[1..]].concat());
    let failed = whole(&json!({"message": "It broke", "code": 7}));
    assert!(matches!(&failed[..], [Delta::Error(error)] if &*error.message == "It broke"));
}

#[test]
fn what_a_guardrail_puts_in_place_of_an_answer_is_complete() {
    let blocked =
        json!({"outputText": "No.", "index": 0, "amazon-bedrock-guardrailAction": "INTERVENED"});
    assert_eq!(stream(&[blocked]), [Delta::text("No."), Delta::Done]);
    let passed = json!({"outputText": "Yes", "index": 0, "amazon-bedrock-guardrailAction": "NONE"});
    assert_eq!(stream(&[passed]), [Delta::text("Yes")]);
}

#[test]
fn outputs_that_are_no_text() {
    for (body, count, dimensions) in [
        (json!({"embedding": [0.5, -1, 2.0], "inputTextTokenCount": 4}), 1, Some(3)),
        (
            json!({"embedding": [1, 2], "embeddingsByType": {"binary": [1], "float": [1, 2]}}),
            1,
            Some(2),
        ),
        (
            json!({"id": "e", "embeddings": [[1, 2], [3, 4], [5, 6]], "texts": ["a", "b", "c"]}),
            3,
            Some(2),
        ),
        (json!({"embeddings": {"int8": [[1, 2], [3, 4]], "float": [[1, 2], [3, 4]]}}), 2, Some(2)),
        (json!({"embeddings": {"base64": ["AAAAAA==", "BBBBBB=="]}}), 2, Some(1)),
        // Cohere packs eight bits in a number, Titan has a number for each.
        (json!({"embeddings": {"base64": ["AAAAAA=="], "ubinary": [[1, 2]]}}), 1, Some(1)),
        (json!({"embeddings": {"binary": [[1, 2]]}}), 1, Some(16)),
        (json!({"embeddingsByType": {"binary": [1, 0]}}), 1, Some(2)),
        // Cohere says what pictures were sent.
        (json!({"images": [], "embeddings": {"float": [[1, 2], [3, 4]]}}), 2, Some(2)),
        // Marengo.
        (json!({"data": [{"embedding": [1, 2, 3], "embeddingOption": "visual"}]}), 1, Some(3)),
        (json!({"embeddings": [{"embeddingType": "TEXT", "embedding": [1, 2, 3]}]}), 1, Some(3)),
        (
            json!({"results": [{"index": 1, "relevance_score": 0.5}, {"index": 0, "relevanceScore": 0}]}),
            2,
            None,
        ),
        (json!({"images": ["AAAA", "BBBB"], "error": null}), 2, None),
        (json!({"artifacts": [{"base64": "AAAA", "finishReason": "SUCCESS"}]}), 1, None),
        (json!({"embeddings": []}), 0, None),
    ] {
        let mut deltas = whole(&body);
        if let Some(counts) = usages(&deltas).first() {
            assert_eq!(*counts, (Some(4), None), "{body}");
        }
        deltas = content(deltas);
        deltas.retain(|delta| !matches!(delta, Delta::Response { .. } | Delta::NotInferred));
        let outputs = Delta::Outputs { count, dimensions };
        assert_eq!(deltas, [Delta::NotStreamed, outputs, Delta::Done], "{body}");
    }
    let refused = whole(&json!({"images": [], "error": "Not this picture."}));
    assert_eq!(refused, [Delta::Error(ProviderError::new("Not this picture."))]);
}

#[test]
fn an_answer_of_no_known_dialect_is_a_fault() {
    let unknown = whole(&json!({"weather": "fine"}));
    assert_eq!(unknown, [Delta::NotStreamed, Delta::DecodeFault, Delta::Done]);
    let failed = whole(&json!({"error": {"message": "It broke"}}));
    assert_eq!(failed, [Delta::Error(ProviderError::new("It broke"))]);
}

#[test]
fn a_first_chunk_without_content_does_not_decide() {
    let deltas = stream(&[
        json!({"id": "c", "model": "m", "choices": []}),
        json!({"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}),
        json!({METRICS: metrics(1, 1)}),
    ]);
    let mut deltas = content(deltas);
    deltas.retain(|delta| !matches!(delta, Delta::Response { .. }));
    assert_eq!(deltas, [Delta::text("Hi"), Delta::finish("stop"), Delta::Done]);
}

#[test]
fn a_chunk_that_is_no_base64_is_a_fault() {
    let broken = support::frames::event("chunk", r#"{"bytes":"a*b"}"#);
    let good = chunk(r#"{"generation":"Hi","stop_reason":"stop"}"#);
    assert_eq!(
        read(InvokeDecoder::new, &[broken, good].concat()),
        [Delta::DecodeFault, Delta::text("Hi"), Delta::finish("stop"), Delta::Done]
    );
}

#[test]
fn what_clients_read_is_repaired() {
    let good = chunk("{\"generation\":\"a\nb\",\"stop_reason\":\"stop\"}");
    assert_eq!(
        read(InvokeDecoder::new, &good),
        [Delta::text("a\nb"), Delta::finish("stop"), Delta::Done]
    );
}

/// The messages' own counts are zeros, as of Claude behind some of Bedrock's profiles.
#[test]
fn metrics_count_where_a_message_reports_zeros() {
    let zeros = json!({"input_tokens": 0, "output_tokens": 0});
    let mut stop = json!({"type": "message_stop"});
    stop[METRICS] = metrics(10, 4);
    stop[METRICS]["cacheReadInputTokenCount"] = 100.into();
    let events = [
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": zeros}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": zeros}),
        stop,
    ];
    // The other one is what a proxy makes of the frames.
    let sse: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    for deltas in [stream(&events), read(AnthropicDecoder::new, sse.as_bytes())] {
        assert_eq!(usages(&deltas).pop(), Some((Some(110), Some(4))), "{deltas:?}");
    }
}
