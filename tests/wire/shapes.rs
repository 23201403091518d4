//! Events that have the shape of the one before are read without a JSON parser. An empty event between them, which is
//! none to any protocol, makes the decoder forget the shape: with and without it, the deltas are the same.

use proptest::prelude::*;
use support::wire::{cut, decode};
use tower_llm_callbacks::{
    Delta,
    wire::{Decoder, anthropic::AnthropicDecoder, openai_chat::OpenAiChatDecoder},
};

/// Where a text of [`TEXTS`] stands in an event.
const TEXT: char = '§';

/// Texts, as they are written in JSON: with escapes, and with what ends a string, an event or an answer.
const TEXTS: [&str; 18] = [
    "a",
    " the",
    "über",
    "👋",
    "",
    "\\n",
    "\\\"",
    "\\\\",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\t",
    "\\q",
    "\"",
    "\",\"x\":\"y",
    "error",
    "{}",
    "}",
];

/// Events of both protocols. An event may occur with another one's decoder.
const EVENTS: [&str; 38] = [
    r#"data: {"choices":[{"index":0,"delta":{"content":"§"}}]}"#,
    r#"data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"§"},"finish_reason":null}]}"#,
    r#"data: {"choices":[{"index":0,"delta":{"content":"§"}}],"usage":null,"obfuscation":"aZ0"}"#,
    r#"data: {"choices":[{"index":0,"delta":{"content":"x"}}],"obfuscation":"§"}"#,
    r#"data: {"choices":[{"index":0,"delta":{"content":"§"}}],"p":"a","object":"§"}"#,
    r#"data: {"choices":[{"index":0,"delta":{"content":"§"}}],"p":"abc"}"#,
    r#"data: {"choices":[{"index":0,"delta":{"content":"§"}}],"p":""}"#,
    r#"data: {"choices":[{"index":1,"delta":{"content":"§"}}]}"#,
    r#"data: {"choices":[{"delta":{"content":"§"}},{"delta":{"content":""}}]}"#,
    r#"data: {"choices":[{"delta":{"content":"§"}},{"delta":{"content":"b"}}]}"#,
    r#"data: {"choices":[{"delta":{"content":"§"},"finish_reason":"stop"}]}"#,
    r#"data: {"choices":[{"delta":{"content":"§"},"finish_reason":"error"}]}"#,
    r#"data: {"choices":[{"delta":{"content":"a"},"finish_reason":"§"}]}"#,
    r#"data: {"choices":[{"delta":{"content":"§"}}],"usage":{"prompt_tokens":1}}"#,
    r#"data: {"choices":[{"delta":{"content":"§"}}],"error":{}}"#,
    r#"data: {"choices":[{"delta":{"content":"§"}}],"error":"§"}"#,
    r#"data: {"choices":[{"delta":{"reasoning_content":"§"}}]}"#,
    r#"data: {"choices":[{"delta":{"reasoning_content":"§","reasoning":"§"}}]}"#,
    r#"data: {"choices":[{"delta":{"reasoning_content":"","reasoning":"§"}}]}"#,
    r#"data: {"choices":[{"delta":{"content":"§","content":"a"}}]}"#,
    r#"data: {"choices":[{"delta":{"content":[{"type":"text","text":"§"}]}}]}"#,
    r#"data: {"choices":[{"delta":{"content":[{"type":"§","text":"a"}]}}]}"#,
    r#"data: {"choices":[{"delta":{"refusal":"§","tool_calls":[]}}]}"#,
    r#"data: {"choices":[{"delta":{"content":"§","tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}"#,
    r#"data: {"choices":[{"delta":{"content":"§","tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}}]}"#,
    r#"data: {"choices":[{"delta":{"content":"a","function_call":{"name":"f","arguments":"§"}}}]}"#,
    r#"data: {"choices":[{"message":{"content":"§"}}]}"#,
    r#"data: {"choices":[{"index":0,"text":"§"}]}"#,
    r#"data: {"value":"§"}"#,
    r#"data: {"§":"a","value":"b"}"#,
    "data: [DONE]",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"§\"}}",
    "event: §\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"§"}}"#,
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"§","text":"§"}}"#,
    r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"§"}}"#,
    r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","name":"f","input":{"a":1}}}"#,
    "event: message_stop\ndata: {\"type\":\"§\"}",
];

/// An event, up to six times with other texts, with one byte of one of them replaced at times.
fn repeated() -> impl Strategy<Value = Vec<String>> {
    let texts = prop::collection::vec(0..TEXTS.len(), 1..7);
    let damage = prop::option::weighted(
        0.3,
        (any::<prop::sample::Index>(), prop::sample::select(&b"\"\\{}[]:,1 a"[..])),
    );
    (prop::sample::select(&EVENTS[..]), texts, damage).prop_map(|(event, texts, damage)| {
        let filled = |text: &usize| event.replace(TEXT, TEXTS[*text]);
        let mut events: Vec<String> = texts.iter().map(filled).collect();
        if let Some((place, byte)) = damage {
            let damaged = place.get_mut(&mut events);
            // Not in the name of a field.
            let data = damaged.find('{').unwrap_or(damaged.len() - 1);
            let at = data + place.index(damaged.len() - data);
            if damaged.is_char_boundary(at) && damaged.is_char_boundary(at + 1) {
                damaged.replace_range(at..=at, char::from(byte).encode_utf8(&mut [0]));
            }
        }
        events
    })
}

fn read(decoder: impl Decoder, body: &str, lengths: &[usize]) -> Vec<Delta<'static>> {
    decode(decoder, cut(body.as_bytes(), lengths), b"")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_event_of_the_shape_of_the_one_before_is_read_as_without_it(
        events in prop::collection::vec(repeated(), 1..6),
        lengths in prop::collection::vec(1..400usize, 1..6),
    ) {
        let events = events.concat();
        let together: String = events.iter().map(|event| format!("{event}\n\n")).collect();
        let apart: String = events.iter().map(|event| format!("{event}\n\ndata:\n\n")).collect();
        prop_assert_eq!(
            read(OpenAiChatDecoder::new(), &together, &lengths),
            read(OpenAiChatDecoder::new(), &apart, &lengths)
        );
        prop_assert_eq!(
            read(AnthropicDecoder::new(), &together, &lengths),
            read(AnthropicDecoder::new(), &apart, &lengths)
        );
    }
}
