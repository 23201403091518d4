//! Content: where it is recorded if enabled, and in which form. It is recorded nowhere else.

use serde_json::{Value, json};
use support::http::{Scripted, Upstream, json};
use support::otel::{Otel, With};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    ContentCapture, Delta, HttpCallbackLayer, RunConfig, RunInput, RunLayer, ToolCall,
    chat::{ChatRequest, ContentPart, Message, Role, Tool},
    handlers::OtelContent,
    testing::Script,
};

use crate::{http_calls, typed_calls::call};

const MODES: [OtelContent; 4] =
    [OtelContent::Off, OtelContent::Span, OtelContent::Event, OtelContent::Both];

const CONTENT: [&str; 4] = [
    "gen_ai.system_instructions",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.tool.definitions",
];

fn chat_request() -> ChatRequest {
    ChatRequest::new("claude-haiku-4-5")
        .system("Be CANARY brief")
        .user("CANARY hi")
        .message(Message::new(
            Role::Assistant,
            [
                ContentPart::Reasoning {
                    text: "CANARY hm".into(),
                    signature: Some("SECRET".into()),
                },
                ContentPart::text("CANARY wait"),
                ContentPart::ToolCall {
                    id: "call_1".into(),
                    name: "get_weather".into(),
                    arguments: json!({"city": "CANARY"}),
                },
            ],
        ))
        .message(Message::tool_result("call_1", "CANARY rain"))
        .message(Message::new(
            Role::User,
            [
                ContentPart::Image {
                    media_type: "image/png".into(),
                    data_base64: "SECRETdata".into(),
                },
                ContentPart::ImageUrl { url: "https://u:SECRET@h/i.png?sig=SECRET".into() },
            ],
        ))
        .tool(Tool::new("get_weather", json!({"type": "object"})).description("CANARY weather"))
}

fn answer() -> Script {
    Script::new()
        .respond()
        .chunk(Delta::Reasoning { choice: 0, text: "CANARY well".into() })
        .text("CANARY it rains")
        .chunk(Delta::ToolCall {
            choice: 0,
            index: 0,
            id: Some("call_2".into()),
            name: Some("get_weather".into()),
            arguments: r#"{"city":"CANARY"}"#.into(),
        })
        .complete("tool_use")
}

/// The expected values, in the order of [`CONTENT`].
fn expected() -> [Value; 4] {
    [
        json!([{"type": "text", "content": "Be CANARY brief"}]),
        json!([
            {"role": "user", "parts": [{"type": "text", "content": "CANARY hi"}]},
            {"role": "assistant", "parts": [
                {"type": "reasoning", "content": "CANARY hm"},
                {"type": "text", "content": "CANARY wait"},
                {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "CANARY"}},
            ]},
            {"role": "tool", "parts": [
                {"type": "tool_call_response", "id": "call_1", "response": "CANARY rain"},
            ]},
            {"role": "user", "parts": [
                {"type": "blob", "modality": "image", "mime_type": "image/png",
                 "content": "[redacted, 10 characters]"},
                {"type": "uri", "modality": "image", "uri": "https://h/i.png?[redacted]"},
            ]},
        ]),
        json!([{"role": "assistant", "finish_reason": "tool_call", "parts": [
            {"type": "reasoning", "content": "CANARY well"},
            {"type": "text", "content": "CANARY it rains"},
            {"type": "tool_call", "id": "call_2", "name": "get_weather", "arguments": {"city": "CANARY"}},
        ]}]),
        json!([{"type": "function", "name": "get_weather", "description": "CANARY weather",
                "parameters": {"type": "object"}}]),
    ]
}

#[tokio::test]
async fn content_is_recorded_where_enabled() {
    for content in MODES {
        for without_logs in [false, true] {
            println!("{content:?}, without logs: {without_logs}");
            let otel = Otel::with(With { content, without_logs, ..With::default() });
            call(&otel, answer(), chat_request()).await;
            let span = otel.span();
            let on_span = matches!(content, OtelContent::Span | OtelContent::Both);
            let in_event = matches!(content, OtelContent::Event | OtelContent::Both);
            for (key, expected) in CONTENT.iter().zip(expected()) {
                match on_span {
                    true => assert_eq!(span.json(key), expected, "{key}"),
                    false => assert!(!span.attributes.contains_key(*key)),
                }
            }
            let logs = otel.logs();
            if in_event && !without_logs {
                assert_eq!(logs.len(), 1);
                let log = &logs[0];
                assert_eq!(log.name, "gen_ai.client.inference.operation.details");
                assert_eq!(
                    (log.severity, log.time, log.span),
                    ("INFO", span.end, (span.trace, span.id))
                );
                for (key, expected) in CONTENT.iter().zip(expected()) {
                    assert_eq!(log.attributes[*key], expected, "{key}");
                }
                // The event has all attributes of the span too.
                for (key, value) in &span.attributes {
                    let structured = CONTENT.contains(&&**key);
                    assert!(structured || log.attributes[key] == *value, "{key}");
                }
            } else {
                assert!(logs.is_empty());
            }
            if in_event && without_logs {
                let (name, attributes) = &span.events[0];
                assert_eq!(name, "gen_ai.client.inference.operation.details");
                for (key, expected) in CONTENT.iter().zip(expected()) {
                    let text = attributes[*key].as_str().unwrap();
                    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), expected, "{key}");
                }
            } else {
                assert!(span.events.is_empty());
            }
            let everything = otel.everything();
            assert_eq!(everything.contains("CANARY"), content != OtelContent::Off);
            assert!(!everything.contains("SECRET"), "{everything}");
        }
    }
}

/// Prompts in each provider's format.
#[tokio::test]
async fn prompts_in_each_format() {
    let text = |text: &str| json!({"type": "text", "content": text});
    let call = json!({"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}});
    let response = json!({"type": "tool_call_response", "id": "c", "response": "r"});
    let blob = |kind: &str, n: usize| {
        json!({"type": "blob", "modality": kind.split('/').next(), "mime_type": kind,
               "content": format!("[redacted, {n} characters]")})
    };
    for (target, body, system, messages) in [
        (
            "/v1/messages",
            json!({"model": "m", "system": [{"type": "text", "text": "s"}], "messages": [
                {"role": "user", "content": "u"},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "t", "signature": "SECRET"},
                    {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
                    {"type": "server_tool_use", "id": "w", "name": "web_search", "input": {"q": "x"}},
                ]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "r"}]},
                {"role": "user", "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "SECRET"}},
                    {"type": "image", "source": {"type": "url", "url": "https://h/?SECRET"}},
                    {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
                    {"type": "search_result", "title": "any"},
                ]},
            ]}),
            json!([text("s")]),
            json!([
                {"role": "user", "parts": [text("u")]},
                {"role": "assistant", "parts": [
                    {"type": "reasoning", "content": "t"}, call,
                    {"type": "server_tool_call", "id": "w", "name": "web_search",
                     "server_tool_call": {"type": "web_search", "arguments": {"q": "x"}}},
                ]},
                {"role": "tool", "parts": [response]},
                {"role": "user", "parts": [
                    blob("image/png", 6),
                    {"type": "uri", "modality": "image", "uri": "https://h/?[redacted]"},
                    {"type": "file", "modality": "document", "file_id": "file_1"},
                    {"type": "search_result", "title": "any"},
                ]},
            ]),
        ),
        (
            "/v1/chat/completions",
            json!({"model": "m", "messages": [
                {"role": "developer", "content": "s"},
                {"role": "user", "name": "Ann", "content": [
                    {"type": "text", "text": "u"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,SECRET"}},
                    {"type": "file", "file": {"file_id": "file_1"}},
                ]},
                {"role": "assistant", "content": null, "reasoning_content": "t", "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                ]},
                {"role": "tool", "tool_call_id": "c", "content": "r"},
            ]}),
            Value::Null,
            json!([
                {"role": "system", "parts": [text("s")]},
                {"role": "user", "name": "Ann", "parts": [
                    text("u"),
                    {"type": "blob", "modality": "image", "mime_type": "image/png",
                     "content": "[redacted, 32 characters]"},
                    {"type": "file", "modality": "file", "file_id": "file_1"},
                ]},
                {"role": "assistant", "parts": [{"type": "reasoning", "content": "t"}, call]},
                {"role": "tool", "parts": [response]},
            ]),
        ),
        (
            "/v1/responses",
            json!({"model": "m", "instructions": "s", "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "u"}]},
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{\"a\":1}"},
                {"type": "function_call_output", "call_id": "c", "output": "r"},
            ]}),
            json!([text("s")]),
            json!([
                {"role": "user", "parts": [text("u")]},
                {"role": "assistant", "parts": [{"type": "reasoning", "content": "t"}]},
                {"role": "assistant", "parts": [call]},
                {"role": "tool", "parts": [response]},
            ]),
        ),
        (
            "/v1beta/models/m:generateContent",
            json!({"systemInstruction": {"parts": [{"text": "s"}]}, "contents": [
                {"role": "user", "parts": [{"text": "u"}, {"inlineData": {"mimeType": "image/png", "data": "SECRET"}}]},
                {"role": "model", "parts": [{"text": "t", "thought": true},
                    {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}}]},
                {"role": "user", "parts": [{"functionResponse": {"id": "c", "name": "f", "response": "r"}}]},
                {"role": "user", "parts": [{"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v"}}]},
            ]}),
            json!([text("s")]),
            json!([
                {"role": "user", "parts": [text("u"), blob("image/png", 6)]},
                {"role": "assistant", "parts": [{"type": "reasoning", "content": "t"}, call]},
                {"role": "tool", "parts": [response]},
                {"role": "user", "parts": [{"type": "uri", "modality": "video", "uri": "gs://b/v"}]},
            ]),
        ),
        (
            "/api/chat",
            json!({"model": "m", "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "u", "images": ["SECRET"]},
                {"role": "assistant", "content": "", "thinking": "t", "tool_calls": [
                    {"function": {"name": "f", "arguments": {"a": 1}}},
                ]},
            ]}),
            Value::Null,
            json!([
                {"role": "system", "parts": [text("s")]},
                {"role": "user", "parts": [text("u"), blob("image", 6)]},
                {"role": "assistant", "parts": [
                    {"type": "reasoning", "content": "t"}, text(""),
                    {"type": "tool_call", "name": "f", "arguments": {"a": 1}},
                ]},
            ]),
        ),
    ] {
        let otel = Otel::with(With { content: OtelContent::Span, ..With::default() });
        http_calls::call(&otel, target, body, || json(500, Scripted::chunks(["no"]))).await;
        let span = otel.span();
        assert_eq!(span.json("gen_ai.input.messages"), messages, "{target}");
        match system {
            Value::Null => assert!(!span.attributes.contains_key("gen_ai.system_instructions")),
            system => assert_eq!(span.json("gen_ai.system_instructions"), system, "{target}"),
        }
        assert!(!otel.everything().contains("SECRET"), "{}", otel.everything());
    }
}

#[tokio::test]
async fn tools_in_each_format() {
    let defined = json!([{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}]);
    let tool = json!({"name": "f", "description": "d", "parameters": {"type": "object"}});
    for (target, tools, expected) in [
        (
            "/v1/messages",
            json!([{"name": "f", "description": "d", "input_schema": {"type": "object"}}]),
            &defined,
        ),
        ("/v1/chat/completions", json!([{"type": "function", "function": tool}]), &defined),
        (
            "/v1/responses",
            json!([{"type": "function", "name": "f", "description": "d",
            "parameters": {"type": "object"}}]),
            &defined,
        ),
        ("/v1beta/models/m:generateContent", json!([{"functionDeclarations": [tool]}]), &defined),
        ("/v1/responses", json!([{"type": "web_search"}]), &json!([{"type": "web_search"}])),
    ] {
        let otel = Otel::with(With { content: OtelContent::Span, ..With::default() });
        let body = json!({"model": "m", "tools": tools});
        http_calls::call(&otel, target, body, || json(500, Scripted::chunks(["no"]))).await;
        assert_eq!(otel.span().json("gen_ai.tool.definitions"), *expected, "{target}");
    }
}

#[tokio::test]
async fn content_of_tools_and_retrievers() {
    for content in MODES {
        let otel = Otel::with(With { content, ..With::default() });
        let tool = service_fn(|_: ToolCall| async { Ok::<_, BoxError>("rain CANARY".to_owned()) });
        let tool = RunLayer::tool("t")
            .input(|call: &ToolCall| RunInput::from(call))
            .output(|text: &String| json!(text))
            .layer(tool);
        let find = service_fn(|_: String| async { Ok::<_, BoxError>(json!([{"id": "CANARY"}])) });
        let find = RunLayer::retriever("r")
            .input(|query: &String| RunInput::new(query.clone()))
            .output(|found: &Value| found.clone())
            .layer(find);
        let config = RunConfig::new().callbacks(otel.callbacks());
        config
            .scope(async move {
                let call = ToolCall::new("c", "t", r#"{"city":"CANARY"}"#);
                tool.oneshot(call).await.unwrap();
                find.oneshot("CANARY?".to_owned()).await.unwrap();
            })
            .await;
        let (tool, find) = (otel.named("execute_tool t"), otel.named("retrieval r"));
        if matches!(content, OtelContent::Span | OtelContent::Both) {
            assert_eq!(tool.attributes["gen_ai.tool.call.arguments"], r#"{"city":"CANARY"}"#);
            assert_eq!(tool.attributes["gen_ai.tool.call.result"], "rain CANARY");
            assert_eq!(find.attributes["gen_ai.retrieval.query.text"], "CANARY?");
            assert_eq!(find.json("gen_ai.retrieval.documents"), json!([{"id": "CANARY"}]));
        } else {
            assert!(!otel.everything().contains("CANARY"));
        }
    }
}

/// Error messages are content too: they may quote prompts.
#[tokio::test]
async fn content_of_failures() {
    for content in MODES {
        let otel = Otel::with(With { content, ..With::default() });
        let script = Script::new().respond().text("half").fail("CANARY reset");
        call(&otel, script, chat_request()).await;
        let span = otel.span();
        let on_span = matches!(content, OtelContent::Span | OtelContent::Both);
        let shown = format!("{:?}", span.status).contains("CANARY reset");
        assert_eq!(shown, on_span);
        let logs = otel.logs();
        let exception = logs.iter().find(|log| log.name.ends_with("exception")).unwrap();
        assert_eq!(exception.attributes["exception.type"], "transport");
        let has_message = exception.attributes.contains_key("exception.message");
        assert_eq!(has_message, content != OtelContent::Off);
        if content != OtelContent::Off && content != OtelContent::Span {
            let details = logs.iter().find(|log| log.name.ends_with("details")).unwrap();
            assert_eq!(details.attributes["error.type"], "transport");
            let output = &details.attributes["gen_ai.output.messages"];
            assert_eq!(
                *output,
                json!([{"role": "assistant", "finish_reason": "error",
                "parts": [{"type": "text", "content": "half"}]}])
            );
        }
    }
}

/// Content that a layer does not capture is not recorded.
#[tokio::test]
async fn uncaptured_content_is_recorded_nowhere() {
    let otel = Otel::with(With { content: OtelContent::Both, ..With::default() });
    let answer = json!({"type": "message", "id": "m", "model": "c", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "CANARY"}]})
    .to_string();
    let layer = HttpCallbackLayer::new(otel.callbacks()).content(ContentCapture::Off);
    let service = layer.layer(Upstream(move || json(200, Scripted::chunks([answer.clone()]))));
    let body = json!({"model": "m", "system": "CANARY", "tools": [{"name": "CANARY"}],
        "messages": [{"role": "user", "content": "CANARY"}]});
    let response = service.oneshot(http_calls::request("/v1/messages", &body)).await.unwrap();
    let _ = http_body_util::BodyExt::collect(response.into_body()).await;
    let span = otel.span();
    assert!(!span.attributes.contains_key("gen_ai.input.messages"));
    assert!(!otel.everything().contains("CANARY"), "{}", otel.everything());
}
