//! Anthropic's Messages API: all rules of the mapping, at any chunk boundaries.

use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::wire::{cut, event_stream, word};
use tower_llm_callbacks::{
    Delta, ProviderError, Usage,
    wire::{
        Decoder, Format,
        anthropic::{AnthropicDecoder, AnthropicMessages},
    },
};

fn decode<'a>(
    decoder: impl Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Delta<'static>> {
    support::wire::decode(decoder, pieces, b"data: {\"type\":\"message_stop\"}\n\n")
}

/// Decodes a streamed body. Asserts that small chunks yield the same deltas.
fn stream(body: &str) -> Vec<Delta<'static>> {
    let body = body.as_bytes();
    let whole = decode(AnthropicDecoder::new(), [body]);
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(
            decode(AnthropicDecoder::new(), body.chunks(size)),
            whole,
            "chunks of {size} bytes"
        );
    }
    whole
}

/// Decodes an unstreamed body in the same way.
fn message(body: &[u8]) -> Vec<Delta<'static>> {
    let whole = decode(AnthropicDecoder::whole(), [body]);
    assert_eq!(decode(AnthropicDecoder::whole(), body.chunks(1)), whole);
    whole
}

/// Frames JSON texts as an event stream.
fn sse<S: ToString>(events: impl IntoIterator<Item = S>) -> String {
    events
        .into_iter()
        .map(|event| {
            let event = event.to_string();
            let kind = serde_json::from_str::<Value>(&event).unwrap_or_default();
            let name = kind["type"].as_str().unwrap_or("data").to_owned();
            format!("event: {name}\ndata: {event}\n\n")
        })
        .collect()
}

fn events<S: ToString>(events: impl IntoIterator<Item = S>) -> Vec<Delta<'static>> {
    stream(&sse(events))
}

fn start(usage: &Value) -> Value {
    json!({"type": "message_start", "message": {"type": "message", "role": "assistant",
        "id": "msg_1", "model": "claude-test", "content": [], "stop_reason": null, "usage": usage}})
}

fn block(index: u64, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn more(index: u64, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn text_delta(text: &str) -> Value {
    more(0, &json!({"type": "text_delta", "text": text}))
}

fn close(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn ending(reason: &str, usage: &Value) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
        "usage": usage})
}

fn stop() -> Value {
    json!({"type": "message_stop"})
}

fn response() -> Delta<'static> {
    Delta::Response { id: Some("msg_1".into()), model: Some("claude-test".into()) }
}

fn usage(usage: Usage, raw: Value) -> Delta<'static> {
    Delta::Usage { usage, raw: Some(std::borrow::Cow::Owned(raw)) }
}

fn reasoning(text: &str) -> Delta<'static> {
    Delta::Reasoning { choice: 0, text: text.to_owned().into() }
}

fn call(index: u32, id: &str, name: &str, arguments: &str) -> Delta<'static> {
    Delta::ToolCall {
        choice: 0,
        index,
        id: Some(id.to_owned().into()),
        name: Some(name.to_owned().into()),
        arguments: arguments.to_owned().into(),
    }
}

fn arguments(index: u32, fragment: &str) -> Delta<'static> {
    let arguments = fragment.to_owned().into();
    Delta::ToolCall { choice: 0, index, id: None, name: None, arguments }
}

#[test]
fn a_text_answer() {
    let all = events([
        json!({"type": "ping"}),
        start(&json!({"input_tokens": 17, "output_tokens": 1})),
        block(0, &json!({"type": "text", "text": ""})),
        json!({"type": "ping"}),
        text_delta("Héllo"),
        text_delta(""),
        text_delta(" 東京 👋\n\"quoted\""),
        close(0),
        ending("end_turn", &json!({"output_tokens": 5})),
        stop(),
        text_delta("after the end"),
    ]);
    let expected = [
        response(),
        usage(Usage::new(17, 1), json!({"input_tokens": 17, "output_tokens": 1})),
        Delta::text("Héllo"),
        Delta::text(" 東京 👋\n\"quoted\""),
        usage(Usage::new(17, 5), json!({"input_tokens": 17, "output_tokens": 5})),
        Delta::finish("end_turn"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn initial_texts_of_blocks_are_emitted() {
    let all = events([
        block(0, &json!({"type": "thinking", "thinking": "hm", "signature": ""})),
        block(1, &json!({"type": "text", "text": "a", "citations": []})),
    ]);
    assert_eq!(all, [reasoning("hm"), Delta::text("a")]);
}

#[test]
fn thinking() {
    let all = events([
        block(0, &json!({"type": "thinking", "thinking": "", "signature": ""})),
        more(0, &json!({"type": "thinking_delta", "thinking": "Let me "})),
        more(0, &json!({"type": "thinking_delta", "thinking": ""})),
        more(0, &json!({"type": "thinking_delta", "thinking": "see"})),
        more(0, &json!({"type": "signature_delta", "signature": "c2lnbmF0dXJl"})),
        close(0),
        block(1, &json!({"type": "redacted_thinking", "data": "c2VjcmV0"})),
        close(1),
        block(2, &json!({"type": "text", "text": ""})),
        more(2, &json!({"type": "citations_delta", "citation": {"cited_text": "x"}})),
        more(2, &json!({"type": "text_delta", "text": "Yes"})),
    ]);
    assert_eq!(all, [reasoning("Let me "), reasoning("see"), Delta::text("Yes")]);
}

#[test]
fn two_parallel_tools_among_other_blocks() {
    let json_delta =
        |index, json| more(index, &json!({"type": "input_json_delta", "partial_json": json}));
    let all = events([
        block(0, &json!({"type": "text", "text": ""})),
        more(0, &json!({"type": "text_delta", "text": "Looking"})),
        close(0),
        block(
            1,
            &json!({"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}),
        ),
        json_delta(1, "{\"query\":\"x\"}"),
        close(1),
        block(2, &json!({"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []})),
        close(2),
        block(
            3,
            &json!({"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}, "caller": {"type": "direct"}}),
        ),
        json_delta(3, ""),
        // Interleaved blocks, which the index allows.
        block(4, &json!({"type": "tool_use", "id": "toolu_2", "name": "time", "input": {}})),
        json_delta(3, "{\"city\": \"Pa"),
        json_delta(4, "{\"zone\":"),
        json_delta(3, "ris\"}"),
        close(3),
        json_delta(4, "1}"),
        close(4),
        // Deltas without an open block.
        json_delta(4, "lost"),
        json_delta(9, "lost"),
        block(5, &json!({"type": "tool_use", "id": "toolu_3", "name": "noargs", "input": {}})),
        close(5),
        ending("tool_use", &json!(null)),
        stop(),
    ]);
    let expected = [
        Delta::text("Looking"),
        call(0, "toolu_1", "weather", ""),
        call(1, "toolu_2", "time", ""),
        arguments(0, "{\"city\": \"Pa"),
        arguments(1, "{\"zone\":"),
        arguments(0, "ris\"}"),
        arguments(1, "1}"),
        call(2, "toolu_3", "noargs", ""),
        Delta::finish("tool_use"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

#[test]
fn a_block_without_its_stop_does_not_affect_the_next() {
    let json = |text| more(0, &json!({"type": "input_json_delta", "partial_json": text}));
    let all = events([
        block(0, &json!({"type": "tool_use", "id": "a", "name": "n", "input": {}})),
        json("{"),
        block(0, &json!({"type": "server_tool_use", "id": "b", "name": "n", "input": {}})),
        json("lost"),
        block(0, &json!({"type": "tool_use", "id": "c", "name": "n", "input": {}})),
        json("{}"),
    ]);
    let expected =
        [call(0, "a", "n", ""), arguments(0, "{"), call(1, "c", "n", ""), arguments(1, "{}")];
    assert_eq!(all, expected);
}

#[test]
fn a_tool_call_with_its_input_in_the_start() {
    let tool =
        |input| block(0, &json!({"type": "tool_use", "id": "t", "name": "n", "input": input}));
    let input = json!({"a": [1, 2.5, "ü"], "b": null});
    let sent = arguments(0, r#"{"a":[1,2.5,"ü"],"b":null}"#);
    assert_eq!(events([tool(input.clone())]), [call(0, "t", "n", ""), sent]);
    // As in Anthropic's SDKs, deltas replace it.
    let piece = |text: &str| more(0, &json!({"type": "input_json_delta", "partial_json": text}));
    let all = events([tool(input), piece("{\"a\""), piece(":1}")]);
    let deltas = [call(0, "t", "n", ""), arguments(0, "{\"a\""), arguments(0, ":1}")];
    assert_eq!(all, deltas);
    for input in [json!({}), json!(null), json!([]), json!(1)] {
        assert_eq!(events([tool(input)]), [call(0, "t", "n", "")]);
    }
    // As it is written: the order of members, and all digits of numbers.
    let written = r#"{"z":12345678901234567890123,"p":1.10,"a":2}"#;
    let start = tool(json!("INPUT")).to_string().replace("\"INPUT\"", written);
    let body = format!("event: content_block_start\ndata: {start}\n\n");
    assert_eq!(stream(&body), [call(0, "t", "n", ""), arguments(0, written)]);
    let list = json!([1, {"b": 2}]);
    assert_eq!(events([tool(list)]), [call(0, "t", "n", ""), arguments(0, r#"[1,{"b":2}]"#)]);
    // A text, as some gateways send it.
    assert_eq!(events([tool(json!(written))]), [call(0, "t", "n", ""), arguments(0, written)]);
}

#[test]
fn unknown_blocks_are_not_content() {
    let text = json!({"text": "x", "thinking": "x", "content": "x", "id": "i", "name": "n", "input": {"a": 1}});
    for kind in [
        "server_tool_use",
        "mcp_tool_use",
        "mcp_tool_result",
        "web_search_tool_result",
        "code_execution_tool_result",
        "redacted_thinking",
        "container_upload",
        "compaction",
        "fallback",
        "of_the_future",
    ] {
        let mut content = text.clone();
        content["type"] = kind.into();
        let json = json!({"type": "input_json_delta", "partial_json": "{}"});
        assert_eq!(events([block(0, &content), more(0, &json), close(0)]), [], "{kind}");
        let body = json!({"type": "message", "content": [content]}).to_string();
        let expected = [Delta::NotStreamed, Delta::Response { id: None, model: None }, Delta::Done];
        assert_eq!(message(body.as_bytes()), expected, "{kind}");
    }
}

#[test]
fn unknown_events_are_skipped() {
    let all = events([
        json!({"type": "of_the_future", "delta": {"type": "text_delta", "text": "x"}}),
        more(0, &json!({"type": "compaction_delta", "content": "x"})),
        more(0, &json!({"type": "of_the_future_delta", "text": "x"})),
        json!({"type": "content_block_delta"}),
        json!({"type": "content_block_start"}),
        json!({"type": "message_start"}),
        json!({"type": "message_delta"}),
        json!({}),
        json!({"type": 7}),
        text_delta("known"),
    ]);
    assert_eq!(all, [Delta::text("known")]);
}

#[test]
fn members_of_wrong_types_are_ignored() {
    let all = events([
        json!({"type": "message_start", "message": {"id": 7, "model": "m", "usage": "none"}}),
        json!({"type": "message_start", "message": {"id": "i", "model": null, "usage": {"output_tokens": "1"}}}),
        json!({"type": "content_block_delta", "index": "0", "usage": [1], "content_block": true,
            "delta": {"type": "text_delta", "text": "a", "thinking": 1.5, "stop_reason": -1}}),
        json!({"type": "content_block_delta", "delta": {"type": "text_delta", "text": {"a": [null]}}}),
        json!({"type": "content_block_delta", "delta": ["text_delta"]}),
        json!({"type": "content_block_delta", "delta": "text_delta"}),
        json!({"type": "message_delta", "delta": {"stop_reason": ["x"]}, "usage": 1}),
        json!({"type": "message_delta", "delta": null, "usage": {"output_tokens": -3}}),
    ]);
    let expected = [
        Delta::Response { id: None, model: Some("m".into()) },
        Delta::Response { id: Some("i".into()), model: None },
        usage(Usage::new(None, 1), json!({"output_tokens": "1"})),
        Delta::text("a"),
        usage(Usage::default(), json!({"output_tokens": -3})),
    ];
    assert_eq!(all, expected);
}

#[test]
fn usage_is_cumulative_and_overwrites() {
    let all = events([
        start(
            &json!({"input_tokens": 10, "cache_read_input_tokens": 100, "service_tier": "standard",
            "cache_creation_input_tokens": 1000, "output_tokens": 1, "server_tool_use": null}),
        ),
        json!({"type": "message_delta", "delta": {"stop_reason": null}, "usage": {"output_tokens": 5}}),
        ending(
            "end_turn",
            &json!({"input_tokens": 20, "output_tokens": 9,
            "cache_read_input_tokens": null, "output_tokens_details": {"thinking_tokens": 4}}),
        ),
        // Updates without new values.
        json!({"type": "message_delta", "usage": {"output_tokens": null}}),
        json!({"type": "message_delta", "usage": {}}),
    ]);
    let raw = json!({"input_tokens": 10, "cache_read_input_tokens": 100, "service_tier": "standard",
        "cache_creation_input_tokens": 1000, "output_tokens": 1});
    let mut later = raw.clone();
    later["output_tokens"] = 5.into();
    let mut last = later.clone();
    last["input_tokens"] = 20.into();
    last["output_tokens"] = 9.into();
    last["output_tokens_details"] = json!({"thinking_tokens": 4});
    let standard = |counts: Usage| {
        let mut counts = counts.cached(100, 1000);
        counts.service_tier = Some("standard".into());
        counts
    };
    let expected = [
        response(),
        usage(standard(Usage::new(1110, 1)), raw),
        usage(standard(Usage::new(1110, 5)), later),
        usage(standard(Usage::new(1120, 9)).reasoning(4), last),
        Delta::finish("end_turn"),
    ];
    assert_eq!(all, expected);
}

#[test]
fn large_counts_saturate() {
    let raw = json!({"input_tokens": u64::MAX, "cache_read_input_tokens": 1, "output_tokens": 1});
    let all = events([ending("end_turn", &raw)]);
    let counts = Usage::new(u64::MAX, 1).cached(1, None);
    assert_eq!(all, [usage(counts, raw), Delta::finish("end_turn")]);
}

#[test]
fn a_refusal_without_content() {
    let all = events([
        start(&json!({"input_tokens": 3})),
        json!({"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details":
            {"type": "refusal", "explanation": "no"}}}),
        // A repeated stop reason.
        json!({"type": "message_delta", "delta": {"stop_reason": "refusal"}}),
        stop(),
    ]);
    let expected = [
        response(),
        usage(Usage::new(3, None), json!({"input_tokens": 3})),
        Delta::finish("refusal"),
        Delta::finish("refusal"),
        Delta::Done,
    ];
    assert_eq!(all, expected);
}

fn overloaded() -> ProviderError {
    ProviderError::new("Overloaded").code("overloaded_error").request_id("req_1")
}

#[test]
fn an_error_ends_the_stream() {
    let error = json!({"type": "error", "request_id": "req_1",
        "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let expected = Delta::Error(overloaded());
    assert_eq!(events([&error]), std::slice::from_ref(&expected));
    let all = events([text_delta("a"), error, text_delta("b"), stop()]);
    assert_eq!(all, [Delta::text("a"), expected]);
}

#[test]
fn errors_of_gateways() {
    let bare =
        r#"{"error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#;
    let flat = r#"{"type":"overloaded_error","message":"Overloaded","request_id":"req_1"}"#;
    for body in [
        format!("event: error\ndata: {bare}\n\ndata: {{\"type\":\"message_stop\"}}\n\n"),
        format!("event: error\ndata: {flat}\n\n"),
        format!("data: {bare}\n\n"),
        format!("error: {bare}\n\n"),
        // A bare JSON body, neither framed as an event nor terminated by a line end.
        bare.to_owned(),
        format!("\r\n{bare}\n"),
    ] {
        assert_eq!(stream(&body), [Delta::Error(overloaded())], "{body}");
    }
    let bad = Delta::Error(ProviderError::new("bad"));
    assert_eq!(stream("event: error\ndata: {\"error\":\"bad\"}\n\n"), [bad]);
    for body in ["event: error\ndata:\n\n", "event: error\ndata: {\"error\":null}\n\n"] {
        let unknown = Delta::Error(ProviderError::new("error without a message"));
        assert_eq!(stream(body), [unknown], "{body}");
    }
}

#[test]
fn event_names_are_only_a_fallback() {
    let all = stream(concat!(
        "event: message_stop\n",
        r#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}"#,
        "\n\nevent: content_block_delta\n",
        r#"data: {"delta":{"type":"text_delta","text":"b"}}"#,
        "\n\nevent: ping\ndata:\n\nevent: ping\ndata: {}\n\n",
        "event: message_stop\ndata: {}\n\n",
    ));
    assert_eq!(all, [Delta::text("a"), Delta::text("b"), Delta::Done]);
}

#[test]
fn framing() {
    let text = r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}"#;
    let lines = text.replace(",\"delta\"", ",\r\ndata: \"delta\"");
    for body in [
        format!("\u{FEFF}data: {text}\n\ndata: {{\"type\":\"message_stop\"}}\n\n"),
        format!(": hello\r\rdata:{text}   \r\rdata: [DONE]\r\rdata: {{\"type\":\"message_stop\"}}"),
        format!("data: {lines}\r\n\r\nid: 5\r\ndata: {{\"type\":\"message_stop\"}}\r\n"),
    ] {
        assert_eq!(stream(&body), [Delta::text("a"), Delta::Done], "{body}");
    }
    assert_eq!(stream(""), []);
    assert_eq!(stream("\r\n\n"), []);
    // A body that is cut: no `Done`.
    assert_eq!(
        stream(&format!("data: {text}\n\ndata: {}", &text[..20])),
        [Delta::text("a"), Delta::DecodeFault,]
    );
}

#[test]
fn undecodable_events_are_faults_and_decoding_continues() {
    for bad in ["{", "no json", "{\"type\":}", "[]", "null", "7", "\"text\"", "{} {}"] {
        let all = events([&text_delta("a").to_string(), bad, &text_delta("b").to_string()]);
        assert_eq!(all, [Delta::text("a"), Delta::DecodeFault, Delta::text("b")], "{bad}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(events([deep.as_str(), "[DONE]"]), [Delta::DecodeFault]);
    let deep = format!("{{\"type\":\"ping\",\"x\":{}", "{\"x\":".repeat(100_000));
    assert_eq!(events([deep]), [Delta::DecodeFault]);
}

#[test]
fn lone_surrogates_are_faults_and_replaced() {
    let all = stream(concat!(
        r#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a\ud83d"}}"#,
        "\n\n",
        r#"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"b\ude00\ud83d\ude00"}}"#,
        "\n\n",
        r#"data: {"type":"error","error":{"type":"e","message":"\ud83d"}}"#,
        "\n\n",
    ));
    let expected = [
        Delta::DecodeFault,
        Delta::text("a\u{FFFD}"),
        Delta::DecodeFault,
        Delta::text("b\u{FFFD}😀"),
        Delta::Error(ProviderError::new("\u{FFFD}").code("e")),
    ];
    assert_eq!(all, expected);
    let body = br#"{"type":"message","id":"i","content":[{"type":"text","text":"a\ud83d"}]}"#;
    let expected = [
        Delta::DecodeFault,
        Delta::NotStreamed,
        Delta::Response { id: Some("i".into()), model: None },
        Delta::text("a\u{FFFD}"),
        Delta::Done,
    ];
    assert_eq!(message(body), expected);
}

#[test]
fn an_event_over_the_limit_is_a_fault() {
    let long = text_delta(&"x".repeat(500)).to_string();
    let body = sse([&text_delta("a").to_string(), &long, &text_delta("b").to_string()]);
    for size in [1, 10, 5000] {
        let all = decode(AnthropicDecoder::with_limit(200), body.as_bytes().chunks(size));
        assert_eq!(all, [Delta::text("a"), Delta::DecodeFault, Delta::text("b")]);
    }
}

fn whole() -> Value {
    json!({"type": "message", "role": "assistant", "id": "msg_1", "model": "claude-test",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "text", "text": "Héllo 👋", "citations": null},
            {"type": "text", "text": ""},
            {"type": "server_tool_use", "id": "srv_1", "name": "s", "input": {"q": 1}},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}},
            {"type": "tool_use", "id": "toolu_2", "name": "noargs", "input": {}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 5,
            "cache_creation": null}})
}

#[test]
fn an_unstreamed_message() {
    let expected = [
        Delta::NotStreamed,
        response(),
        reasoning("hm"),
        Delta::text("Héllo 👋"),
        call(0, "toolu_1", "weather", r#"{"city":"Paris"}"#),
        call(1, "toolu_2", "noargs", ""),
        usage(
            Usage::new(7, 5).cached(4, None),
            json!({"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 5}),
        ),
        Delta::finish("tool_use"),
        Delta::Done,
    ];
    assert_eq!(message(whole().to_string().as_bytes()), expected);
    // Also if a stream was announced.
    assert_eq!(stream(&format!("{:#}", whole())), expected);
    let marked = format!("\u{FEFF}{}", whole());
    assert_eq!(message(marked.as_bytes()), expected);
}

#[test]
fn an_unstreamed_message_equals_its_stream() {
    let message = message(whole().to_string().as_bytes());
    let streamed = events([
        start(&json!({"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 1})),
        block(0, &json!({"type": "thinking", "thinking": ""})),
        more(0, &json!({"type": "thinking_delta", "thinking": "h"})),
        more(0, &json!({"type": "thinking_delta", "thinking": "m"})),
        close(0),
        block(1, &json!({"type": "text", "text": "Hé"})),
        more(1, &json!({"type": "text_delta", "text": "llo 👋"})),
        close(1),
        block(2, &json!({"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}})),
        more(2, &json!({"type": "input_json_delta", "partial_json": "{\"city\":"})),
        more(2, &json!({"type": "input_json_delta", "partial_json": "\"Paris\"}"})),
        close(2),
        block(3, &json!({"type": "tool_use", "id": "toolu_2", "name": "noargs", "input": {}})),
        close(3),
        ending("tool_use", &json!({"output_tokens": 5})),
        stop(),
    ]);
    assert_eq!(sum(&message), sum(&streamed));
}

/// The sum of the deltas.
fn sum(deltas: &[Delta<'_>]) -> Value {
    let (mut text, mut thought, mut finish) = (String::new(), String::new(), Value::Null);
    let mut tools: Vec<(String, String, String)> = vec![];
    let (mut counts, mut response) = (Value::Null, Value::Null);
    for delta in deltas {
        match delta {
            Delta::Text { text: more, .. } => text += more,
            Delta::Reasoning { text: more, .. } => thought += more,
            Delta::ToolCall { index, id, name, arguments, .. } => {
                let index = *index as usize;
                if index == tools.len() {
                    tools.push(Default::default());
                }
                let tool = &mut tools[index];
                tool.0 += id.as_deref().unwrap_or_default();
                tool.1 += name.as_deref().unwrap_or_default();
                tool.2 += arguments;
            }
            Delta::Usage { usage, raw } => counts = json!([usage, raw]),
            Delta::Finish { reason, .. } => finish = json!(reason),
            Delta::Response { id, model } => response = json!([id, model]),
            _ => {}
        }
    }
    json!([text, thought, tools, counts, finish, response])
}

#[test]
fn invalid_unstreamed_bodies_are_faults() {
    for body in ["", " ", "{"] {
        assert_eq!(message(body.as_bytes()), [Delta::DecodeFault], "{body}");
    }
    // A whole body that is no answer is an error, not a truncated answer.
    for body in ["[]", "null", "{}", "no json", "<html>", r#"{"input_tokens":3}"#] {
        assert!(matches!(message(body.as_bytes())[..], [Delta::Error(_)]), "{body}");
    }
    let body = r#"{"type":"error","request_id":"req_1",
        "error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    assert_eq!(message(body.as_bytes()), [Delta::Error(overloaded())]);
    assert_eq!(
        message(br#"{"error":{"message":"bad"}}"#),
        [Delta::Error(ProviderError::new("bad"))]
    );
}

#[test]
fn an_unstreamed_body_over_the_limit_is_one_fault() {
    let body = whole().to_string();
    for size in [1, 10, 5000] {
        let limit = body.len() - 1;
        let all = decode(AnthropicDecoder::with_limit(limit), body.as_bytes().chunks(size));
        assert_eq!(all, [Delta::DecodeFault]);
        let all = decode(AnthropicDecoder::with_limit(limit + 1), body.as_bytes().chunks(size));
        assert_eq!(all.last(), Some(&Delta::Done));
    }
}

#[test]
fn http_errors() {
    let with = |message: &str, code: Option<&str>, id: Option<&str>| {
        let mut error = ProviderError::new(message).status(418);
        error.code = code.map(Into::into);
        error.request_id = id.map(Into::into);
        error
    };
    let nothing = || with("HTTP status 418", None, None);
    let table: Vec<(&[u8], ProviderError)> = vec![
        (
            br#"{"type":"error","error":{"type":"not_found_error","message":"model: x"},"request_id":"req_2"}"#,
            with("model: x", Some("not_found_error"), Some("req_2")),
        ),
        (br#"{"error":{"code":400,"message":"m"}}"#, with("m", Some("400"), None)),
        (br#"{"error":"plain"}"#, with("plain", None, None)),
        (br#"{"code":"c","error":"plain"}"#, with("plain", Some("c"), None)),
        (br#"{"code":"c","message":"m"}"#, with("m", Some("c"), None)),
        (br#"{"code":1300,"message":"m"}"#, with("m", Some("1300"), None)),
        (br#"{"type":"error","message":"m"}"#, with("m", None, None)),
        (br#"{"detail":"d"}"#, with("d", None, None)),
        (br#"{"type":"error","error":{"type":"t"}}"#, with("HTTP status 418", Some("t"), None)),
        (br#"{"type":"error","error":{"type":"t","message":""}}"#, with("HTTP status 418", Some("t"), None)),
        (br#"{"error":{"message":"\ud83d!"}}"#, with("\u{FFFD}!", None, None)),
        (b"", nothing()),
        (b"<html>secret</html>", nothing()),
        (b"<html><head><title>502 Bad Gateway</title></head></html>", with("502 Bad Gateway", None, None)),
        (b"upstream  timed out\n", with("upstream timed out", None, None)),
        (b"{\"secret\":1}", nothing()),
        (b"\xFF\xFE", nothing()),
        (b"\"text\"", with("text", None, None)),
        (b"[{\"error\":1}]", nothing()),
        (b"[{\"error\":{\"message\":\"m\"}}]", with("m", None, None)),
        (b"{\"detail\":[{\"msg\":7}]}", nothing()),
    ];
    for (body, expected) in table {
        let name = String::from_utf8_lossy(body);
        assert_eq!(AnthropicMessages.error(StatusCode::IM_A_TEAPOT, body), expected, "{name}");
    }
}

/// Events in any order, valid or not.
fn any_events() -> impl Strategy<Value = String> {
    let words = vec![
        start(&json!({"input_tokens": 1})).to_string(),
        block(0, &json!({"type": "tool_use", "id": "i", "name": "n", "input": {}})).to_string(),
        block(1, &json!({"type": "tool_use", "id": "j", "name": "ü", "input": {"a": "👋"}}))
            .to_string(),
        block(1, &json!({"type": "server_tool_use"})).to_string(),
        more(0, &json!({"type": "input_json_delta", "partial_json": "{\"a\":\"東"})).to_string(),
        more(1, &json!({"type": "input_json_delta", "partial_json": "x"})).to_string(),
        more(0, &json!({"type": "thinking_delta", "thinking": "…"})).to_string(),
        text_delta("a\n👋").to_string(),
        r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"\ud83d"}}"#
            .to_owned(),
        close(0).to_string(),
        ending("end_turn", &json!({"output_tokens": 2})).to_string(),
        "[DONE]".to_owned(),
        "{".to_owned(),
        "x\ny".to_owned(),
        stop().to_string(),
        json!({"error": {"message": "e"}}).to_string(),
    ];
    // The last two end the stream.
    event_stream(vec!["data: ", "data:", "event: error\ndata: ", "data: ", ""], word(words, 2))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunk_boundaries_do_not_matter(
        body in any_events(),
        lengths in prop::collection::vec(0_usize..40, 1..8),
        limit in 20_usize..200,
    ) {
        let body = body.as_bytes();
        let pieces = || cut(body, &lengths);
        prop_assert_eq!(
            decode(AnthropicDecoder::new(), pieces()),
            decode(AnthropicDecoder::new(), [body])
        );
        prop_assert_eq!(
            decode(AnthropicDecoder::with_limit(limit), pieces()),
            decode(AnthropicDecoder::with_limit(limit), [body])
        );
        prop_assert_eq!(
            decode(AnthropicDecoder::whole(), pieces()),
            decode(AnthropicDecoder::whole(), [body])
        );
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        decode(AnthropicDecoder::new(), body.chunks(9));
        decode(AnthropicDecoder::whole(), body.chunks(9));
        AnthropicMessages.error(StatusCode::BAD_GATEWAY, &body);
    }
}
