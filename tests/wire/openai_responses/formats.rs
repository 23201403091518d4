//! Request matching and start events.

use super::*;
use support::wire::{of_type, response};

#[test]
fn requests_match_by_method_and_path() {
    for (method, path, expected) in [
        (Method::POST, "/v1/responses", true),
        (Method::POST, "/openai/v1/responses", true),
        (Method::POST, "/responses", true),
        (Method::POST, "/v1/responses/", false),
        (Method::POST, "/v1/my_responses", false),
        (Method::POST, "/v1/responses/resp_1/cancel", false),
        (Method::POST, "/v1/responses/input_tokens", false),
        (Method::GET, "/v1/responses", false),
        (Method::GET, "/v1/responses/", false),
        (Method::GET, "/v1/responses/resp_1", true),
        (Method::GET, "/v1/responses/resp_1/input_items", false),
        (Method::GET, "/v1/my_responses/resp_1", false),
        (Method::DELETE, "/v1/responses/resp_1", false),
        (Method::PUT, "/v1/responses", false),
        (Method::GET, "", false),
    ] {
        assert_eq!(OpenAiResponses.matches(&method, path), expected, "{method} {path}");
    }
}

fn start(method: &Method, uri: &str, body: &str) -> LlmStart {
    let (uri, headers) = (uri.parse::<Uri>().unwrap(), HeaderMap::new());
    let body = Bytes::copy_from_slice(body.as_bytes());
    OpenAiResponses.start(&LlmHttpRequest::new(method, &uri, &headers, &body))
}

#[test]
fn the_start_of_a_call() {
    let body = json!({"model": "gpt-test", "stream": true, "instructions": "Be brief.",
        "input": "Hi", "max_output_tokens": 5, "reasoning": {"effort": "low"},
        "tools": [{"type": "mcp", "authorization": "CANARY", "headers": {"x": "CANARY"}}]});
    let it = start(&Method::POST, "/v1/responses", &body.to_string());
    assert_eq!((&*it.provider, &*it.api), ("openai", "responses"));
    assert_eq!((it.model.as_deref(), it.stream), (Some("gpt-test"), true));
    let prompt =
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]);
    assert_eq!(it.messages.get(), Some(&prompt));
    let names: Vec<_> = it.params.keys().map(String::as_str).collect();
    assert_eq!(names, ["max_output_tokens", "reasoning", "tools"]);
    assert!(!format!("{:?}", it.params).contains("CANARY"));

    let items = json!([{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {"type": "function_call_output", "call_id": "c", "output": "{}"}]);
    let it = start(&Method::POST, "/v1/responses", &json!({"input": items}).to_string());
    assert_eq!(it.messages.get(), Some(&items));
    assert_eq!((it.model, it.stream), (None, false));
    // Only a stored prompt, no body, and a broken body.
    for body in ["{}", "", "no json"] {
        let it = start(&Method::POST, "/v1/responses", body);
        assert_eq!(it.messages.get(), Some(&json!([])), "{body}");
    }
    let it = start(&Method::GET, "/v1/responses/resp_1?stream=true&starting_after=5", "");
    assert_eq!((it.model, it.stream, it.messages.get()), (None, true, None));
    assert!(it.params.is_empty());
}

#[test]
fn the_provider_by_host_and_path() {
    for (uri, expected) in [
        ("/v1/responses", "openai"),
        ("https://api.openai.com/v1/responses", "openai"),
        ("https://gateway.example/v1/responses", "openai"),
        ("https://res.openai.azure.com/openai/v1/responses", "azure.ai.openai"),
        ("https://res.services.ai.AZURE.com/openai/v1/responses", "azure.ai.openai"),
        ("/openai/responses?api-version=2025-04-01-preview", "azure.ai.openai"),
        ("/openai/deployments/gpt/responses", "azure.ai.openai"),
        ("https://openrouter.ai/api/v1/responses", "openrouter"),
        ("https://api.x.ai/v1/responses", "x_ai"),
        ("https://api.groq.com/openai/v1/responses", "groq"),
        ("https://netflix.ai/v1/responses", "openai"),
        ("https://notazure.com/v1/responses", "openai"),
    ] {
        assert_eq!(&*start(&Method::POST, uri, "{}").provider, expected, "{uri}");
    }
}

#[test]
fn any_content_type_may_be_streamed() {
    let decode_with = |content_type| {
        let mut decoder = OpenAiResponses.decoder(&response(&of_type(content_type)));
        let mut all = Vec::new();
        decoder
            .push(b"data: {\"error\":{\"code\":1}}\n\n", &mut |delta| all.push(delta.into_owned()));
        decoder.finish(&mut |delta| all.push(delta.into_owned()));
        all
    };
    // One of OpenAI's backends streams without a content type.
    for content_type in
        [Some("text/event-stream"), Some("text/plain"), Some("application/json"), None]
    {
        assert!(matches!(decode_with(content_type)[..], [Delta::Error(_)]), "{content_type:?}");
    }
}

#[test]
fn http_errors() {
    let body = br#"{"error":{"message":"no such model","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#;
    let error = OpenAiResponses.error(StatusCode::BAD_REQUEST, body);
    let expected = ProviderError::new("no such model").code("model_not_found").status(400);
    assert_eq!(error, expected);
    let detail = OpenAiResponses.error(StatusCode::FORBIDDEN, br#"{"detail":"Forbidden"}"#);
    assert_eq!(detail, ProviderError::new("Forbidden").status(403));
    let page = OpenAiResponses.error(StatusCode::BAD_GATEWAY, b"<html>");
    assert_eq!(page, ProviderError::new("HTTP status 502").status(502));
}

#[test]
fn error_bodies_round_trip() {
    for (status, kind, code) in [
        (400, "invalid_request_error", None),
        (401, "invalid_request_error", Some("invalid_api_key")),
        (404, "invalid_request_error", None),
        (429, "requests", Some("rate_limit_exceeded")),
        (500, "server_error", None),
        (503, "server_error", None),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let body = OpenAiResponses.error_body(status, "over \"budget\"");
        let expected = json!({"error": {"message": "over \"budget\"", "type": kind,
            "param": null, "code": code}});
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
        let read = OpenAiResponses.error(status, &body);
        assert_eq!(
            read,
            ProviderError::new("over \"budget\"")
                .code(code.unwrap_or(kind))
                .status(status.as_u16())
        );
    }
}

/// Codex sends its tools so.
#[test]
fn tools_in_the_input_are_parameters_and_no_messages() {
    let conversation = json!([
        {"role": "developer", "content": "Use \"tools\" well."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
        {"type": "tool_search_output", "call_id": "t", "tools": [{"type": "function", "name": "found"}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_2"},
    ]);
    let mut input = conversation.as_array().unwrap().clone();
    input.insert(
        0,
        json!({"type": "additional_tools", "role": "developer",
        "tools": [{"type": "custom", "name": "exec"}, {"type": "mcp", "authorization": "CANARY"}]}),
    );
    input.insert(
        4,
        json!({"type": "more_definitions", "tools": [{"type": "function", "name": "g"}]}),
    );
    input.push(json!({"type": "session_settings", "effort": "low"}));
    let body = |tools: Value| json!({"model": "gpt", "input": input, "tools": tools}).to_string();
    let added = [
        json!({"type": "custom", "name": "exec"}),
        json!({"type": "mcp", "authorization": "[redacted]"}),
        json!({"type": "function", "name": "g"}),
    ];
    let it = start(&Method::POST, "/v1/responses", &body(json!(null)));
    assert_eq!(it.params["tools"], json!(added));
    assert_eq!(*it.messages.get().unwrap(), conversation);
    let it = start(&Method::POST, "/v1/responses", &body(json!([{"type": "web_search"}])));
    let all: Vec<Value> = [json!({"type": "web_search"})].into_iter().chain(added).collect();
    assert_eq!(it.params["tools"], json!(all));
    let it = start(&Method::POST, "/v1/responses", &json!({"input": conversation}).to_string());
    assert!(!it.params.contains_key("tools"));
}
