use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use support::frames::{event, exception, frame};
use tower_llm_callbacks::{
    Delta, LlmStart,
    event::{Accumulator, ProviderError},
    wire::{
        Format, LlmHttpResponse,
        bedrock::{BedrockConverse, ConverseDecoder},
    },
};

use super::{call, content, read, usages};

fn stream(events: &[(&str, serde_json::Value)]) -> Vec<u8> {
    events.iter().flat_map(|(name, data)| event(name, &data.to_string())).collect()
}

fn delta(index: u64, delta: &serde_json::Value) -> (&'static str, serde_json::Value) {
    ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta, "p": "abcd"}))
}

#[test]
fn a_streamed_answer() {
    let start = |index: u64, tool: serde_json::Value| {
        ("contentBlockStart", json!({"contentBlockIndex": index, "start": {"toolUse": tool}}))
    };
    let stop = |index: u64| ("contentBlockStop", json!({"contentBlockIndex": index}));
    let body = stream(&[
        ("messageStart", json!({"role": "assistant"})),
        delta(0, &json!({"reasoningContent": {"text": "Let me"}})),
        delta(0, &json!({"reasoningContent": {"signature": "c2ln"}})),
        delta(0, &json!({"reasoningContent": {"redactedContent": "AAAA"}})),
        stop(0),
        delta(1, &json!({"text": "Grüße "})),
        delta(1, &json!({"text": ""})),
        delta(1, &json!({"text": "🙂 \"x\""})),
        delta(1, &json!({"citation": {"title": "t", "sourceContent": [{"text": "no"}]}})),
        stop(1),
        start(2, json!({"toolUseId": "s", "name": "search", "type": "server_tool_use"})),
        delta(2, &json!({"toolUse": {"input": "{\"q\":1}"}})),
        stop(2),
        (
            "contentBlockStart",
            json!({"contentBlockIndex": 3, "start": {"toolResult": {"toolUseId": "s"}}}),
        ),
        delta(3, &json!({"toolResult": [{"text": "found"}]})),
        stop(3),
        start(4, json!({"toolUseId": "a", "name": "f"})),
        delta(4, &json!({"toolUse": {"input": "{\"x\":"}})),
        delta(4, &json!({"toolUse": {"input": "1}"}})),
        stop(4),
        start(5, json!({"toolUseId": "b", "name": "g"})),
        stop(5),
        ("messageStop", json!({"stopReason": "tool_use"})),
        (
            "metadata",
            json!({
                "usage": {
                    "inputTokens": 10, "outputTokens": 5, "totalTokens": 117,
                    "cacheReadInputTokens": 100, "cacheWriteInputTokens": 2,
                    "cacheDetails": [{"ttl": "1h", "inputTokens": 2}],
                },
                "metrics": {"latencyMs": 5}, "serviceTier": {"type": "flex"},
            }),
        ),
    ]);
    let deltas = read(ConverseDecoder::new, &body);
    let usage = deltas.iter().find_map(|delta| match delta {
        Delta::Usage { usage, .. } => Some(usage.clone()),
        _ => None,
    });
    let usage = usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(112), Some(5)));
    assert_eq!((usage.cache_read_tokens, usage.cache_write_tokens), (Some(100), Some(2)));
    assert_eq!((usage.total_tokens, usage.cache_writes["1h"]), (Some(117), 2));
    assert_eq!(usage.service_tier.as_deref(), Some("flex"));
    assert_eq!(
        content(deltas),
        [
            Delta::Reasoning { choice: 0, text: "Let me".into() },
            Delta::text("Grüße "),
            Delta::text("🙂 \"x\""),
            call(0, Some("a"), Some("f"), ""),
            call(0, None, None, "{\"x\":"),
            call(0, None, None, "1}"),
            call(1, Some("b"), Some("g"), ""),
            Delta::finish("tool_use"),
            Delta::Done,
        ]
    );
}

#[test]
fn a_whole_answer() {
    let body = json!({
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Let me", "signature": "s"}}},
            {"reasoningContent": {"redactedContent": "AAAA"}},
            {"text": "It is "},
            {"citationsContent": {"content": [{"text": "so"}], "citations": [{"title": "no"}]}},
            {"toolUse": {"toolUseId": "s", "name": "search", "input": {"q": 1}, "type": "server_tool_use"}},
            {"toolUse": {"toolUseId": "a", "name": "f", "input": {"x": [1, 2]}}},
            {"toolUse": {"toolUseId": "b", "name": "g", "input": {}}},
        ]}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
        "serviceTier": {"type": "priority"},
    });
    let deltas = read(ConverseDecoder::new, body.to_string().as_bytes());
    assert_eq!(usages(&deltas), [(Some(1), Some(2))]);
    let expected = [
        Delta::NotStreamed,
        Delta::Reasoning { choice: 0, text: "Let me".into() },
        Delta::text("It is "),
        Delta::text("so"),
        call(0, Some("a"), Some("f"), "{\"x\":[1,2]}"),
        call(1, Some("b"), Some("g"), "{}"),
        Delta::finish("tool_use"),
        Delta::Done,
    ];
    assert_eq!(content(deltas), expected);
    assert_eq!(content(read(ConverseDecoder::whole, body.to_string().as_bytes())), expected);
}

#[test]
fn exceptions_and_errors_end_the_answer() {
    let before = stream(&[("messageStart", json!({})), delta(0, &json!({"text": "Hi"}))]);
    let failed = |message: &str, code: &str| {
        [Delta::text("Hi"), Delta::Error(ProviderError::new(message).code(code))]
    };
    let cases = [
        (
            exception(
                "modelStreamErrorException",
                r#"{"message":"Stopped.","originalStatusCode":500}"#,
            ),
            failed("Stopped.", "modelStreamErrorException"),
        ),
        (
            exception("throttlingException", r#"{"Message":"Slow"}"#),
            failed("Slow", "throttlingException"),
        ),
        (
            exception("internalServerException", ""),
            failed("error without a message", "internalServerException"),
        ),
        (
            frame(
                &[
                    (":message-type", "error"),
                    (":error-code", "Boom"),
                    (":error-message", "It broke"),
                ],
                b"",
            ),
            failed("It broke", "Boom"),
        ),
    ];
    for (last, expected) in cases {
        let after = stream(&[delta(0, &json!({"text": "no"}))]);
        let body = [before.clone(), last, after].concat();
        assert_eq!(read(ConverseDecoder::new, &body), expected);
    }
    let unknown = br#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;
    assert!(matches!(read(ConverseDecoder::whole, unknown)[..], [Delta::Error(_)]));
}

#[test]
fn an_answer_is_complete_with_its_stop() {
    let text = delta(0, &json!({"text": "Hi"}));
    let stop = ("messageStop", json!({"stopReason": "end_turn"}));
    let metadata = ("metadata", json!({"usage": {"inputTokens": 1, "outputTokens": 1}}));
    let (all, some) = (stream(&[text.clone(), stop.clone()]), stream(std::slice::from_ref(&text)));
    let complete = [Delta::text("Hi"), Delta::finish("end_turn"), Delta::Done];
    assert_eq!(read(ConverseDecoder::new, &all), complete);
    assert_eq!(read(ConverseDecoder::new, &some), [Delta::text("Hi")]);
    // The end of the answer may be lost, or late.
    let damaged = stream(&[text.clone(), metadata.clone()]);
    assert_eq!(content(read(ConverseDecoder::new, &damaged)), [Delta::text("Hi"), Delta::Done]);
    let late = stream(&[text, metadata, stop]);
    assert_eq!(content(read(ConverseDecoder::new, &late)), complete);
}

#[test]
fn pieces_of_a_call_whose_beginning_is_lost_are_dropped() {
    let body = stream(&[
        delta(0, &json!({"toolUse": {"input": "{}"}})),
        ("messageStop", json!({"stopReason": "tool_use"})),
    ]);
    assert_eq!(read(ConverseDecoder::new, &body), [Delta::finish("tool_use"), Delta::Done]);
}

/// Gateways send a value where the API has a text, and a text where it has a value.
#[test]
fn arguments_may_have_the_other_type() {
    let start =
        json!({"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "a", "name": "f"}}});
    let body = stream(&[
        ("contentBlockStart", start),
        delta(0, &json!({"toolUse": {"input": {"x": [1, 2]}}})),
        ("messageStop", json!({"stopReason": "tool_use"})),
    ]);
    let deltas = read(ConverseDecoder::new, &body);
    let calls = [call(0, Some("a"), Some("f"), ""), call(0, None, None, "{\"x\":[1,2]}")];
    assert_eq!(deltas[..2], calls);
    let tool = |input| json!({"toolUse": {"toolUseId": "a", "name": "f", "input": input}});
    let content = [tool(json!("{\"x\": 1}")), tool(json!([1, {"b": 2}]))];
    let body = json!({"output": {"message": {"content": content}}, "stopReason": "tool_use"});
    let deltas = read(ConverseDecoder::new, body.to_string().as_bytes());
    let calls = [
        call(0, Some("a"), Some("f"), "{\"x\": 1}"),
        call(1, Some("a"), Some("f"), "[1,{\"b\":2}]"),
    ];
    assert_eq!(deltas[1..3], calls);
}

/// A prompt router chooses the model, which the trace says.
#[test]
fn the_model_is_the_one_that_a_router_chose() {
    const ROUTER: &str = "arn:aws:bedrock:us-east-1:1:default-prompt-router/anthropic.claude:1";
    const CHOSEN: &str =
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0";
    let trace = json!({"promptRouter": {"invokedModelId": CHOSEN}});
    let usage = json!({"inputTokens": 10, "outputTokens": 5, "totalTokens": 15});
    let whole = json!({"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn",
        "usage": usage, "trace": trace});
    let events = |trace: Value| {
        stream(&[
            delta(0, &json!({"text": "Hi"})),
            ("messageStop", json!({"stopReason": "end_turn"})),
            ("metadata", json!({"usage": usage, "trace": trace})),
        ])
    };
    for (model, body, expected) in [
        (ROUTER, whole.to_string().into_bytes(), "anthropic.claude-3-haiku-20240307-v1:0"),
        (ROUTER, events(trace.clone()), "anthropic.claude-3-haiku-20240307-v1:0"),
        (ROUTER, events(Value::Null), ROUTER),
        ("nova", events(trace), "nova"),
    ] {
        let mut start = LlmStart::new("aws.bedrock", "converse").stream(body[0] == 0);
        start.model = Some(model.into());
        let headers = HeaderMap::new();
        let response = LlmHttpResponse::new(StatusCode::OK, &headers).request(&start);
        let mut decoder = BedrockConverse.decoder(&response);
        let mut all = Accumulator::new();
        decoder.push(&body, &mut |delta| all.delta(&delta));
        decoder.finish(&mut |delta| all.delta(&delta));
        let result = all.finish();
        assert_eq!((result.model.as_deref(), result.text()), (Some(expected), "Hi"));
    }
}
