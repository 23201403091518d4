//! Request matching and start events.

use super::*;
use support::wire::{of_type, response};

fn start(format: &impl Format, uri: &str, body: &Value) -> LlmStart {
    let (uri, body) = (uri.parse::<Uri>().unwrap(), Bytes::from(body.to_string()));
    format.start(&LlmHttpRequest::new(&Method::POST, &uri, &HeaderMap::new(), &body))
}

fn messages(start: &LlmStart) -> Value {
    serde_json::to_value(start).unwrap()["messages"].take()
}

#[test]
fn requests_match_by_method_and_path() {
    for (path, chat, legacy) in [
        ("/v1/chat/completions", true, false),
        ("/chat/completions", true, false),
        ("/openai/deployments/d/chat/completions", true, false),
        ("/v1/completions", false, true),
        ("/openai/deployments/d/completions", false, true),
        ("/v1/chat/completions/chatcmpl-1", false, false),
        ("/v1/completions/", false, false),
        ("/v1/responses", false, false),
        ("/v1/autocompletions", false, false),
        ("/", false, false),
    ] {
        let yes = |method: &Method| {
            [OpenAiChat.matches(method, path), OpenAiCompletions.matches(method, path)]
        };
        assert_eq!(yes(&Method::POST), [chat, legacy], "{path}");
        // A stored chat completion is fetched by its id.
        let fetched = path.ends_with("/chatcmpl-1");
        assert_eq!(yes(&Method::GET), [fetched, false], "{path}");
    }
}

#[test]
fn the_start_of_a_chat() {
    let prompt = json!([{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "u"}]}]);
    let start = start(
        &OpenAiChat,
        "/v1/chat/completions",
        &json!({"model": "gpt", "stream": true, "messages": prompt, "temperature": 0.5,
            "stream_options": {"include_usage": true}}),
    );
    assert_eq!((&*start.provider, &*start.api), ("openai", "chat_completions"));
    assert_eq!((start.model.as_deref(), start.stream), (Some("gpt"), true));
    assert_eq!(messages(&start), prompt);
    let params = json!({"temperature": 0.5, "stream_options": {"include_usage": true}});
    assert_eq!(Value::Object(start.params), params);
}

#[test]
fn the_start_of_a_completion() {
    let user = |content: Value| json!({"role": "user", "content": content});
    for (prompt, expected) in [
        (json!("p"), json!([user(json!("p"))])),
        (json!(["p", "q"]), json!([user(json!("p")), user(json!("q"))])),
        (json!([1, 2]), json!([user(json!([1, 2]))])),
        (json!([[1], [2]]), json!([user(json!([1])), user(json!([2]))])),
        (json!(null), json!([])),
    ] {
        let body = json!({"model": "davinci", "prompt": prompt, "max_tokens": 5});
        let start = start(&OpenAiCompletions, "/v1/completions", &body);
        assert_eq!((&*start.provider, &*start.api), ("openai", "completions"));
        assert!(!start.stream);
        assert_eq!(messages(&start), expected);
        assert_eq!(Value::Object(start.params), json!({"max_tokens": 5}));
    }
    let body = json!({"prompt": "p", "suffix": "s"});
    let start = start(&OpenAiCompletions, "/v1/completions", &body);
    assert_eq!(messages(&start), json!([{"role": "user", "content": "p", "suffix": "s"}]));
    assert!(start.params.is_empty());
}

#[test]
fn dialects_are_detected_by_host_and_path() {
    for (uri, provider) in [
        ("/v1/chat/completions", "openai"),
        ("https://api.openai.com/v1/chat/completions", "openai"),
        ("https://gateway.example/v1/chat/completions", "openai"),
        ("http://localhost:8000/v1/chat/completions", "openai"),
        ("https://r.openai.azure.com/openai/v1/chat/completions", "azure.ai.openai"),
        ("https://R.OpenAI.Azure.com/openai/v1/chat/completions", "azure.ai.openai"),
        ("/openai/deployments/d/chat/completions?api-version=1", "azure.ai.openai"),
        ("https://gateway.example/openai/deployments/d/chat/completions", "azure.ai.openai"),
        ("https://api.groq.com/openai/v1/chat/completions", "groq"),
        ("https://api.mistral.ai/v1/chat/completions", "mistral_ai"),
        ("https://api.deepseek.com/chat/completions", "deepseek"),
        ("https://api.x.ai/v1/chat/completions", "x_ai"),
        ("https://us-east-1.api.x.ai/v1/chat/completions", "x_ai"),
        ("https://matrix.ai/v1/chat/completions", "openai"),
        ("https://x.ai.example/v1/chat/completions", "openai"),
        ("https://openrouter.ai/api/v1/chat/completions", "openrouter"),
        ("https://api.perplexity.ai/chat/completions", "perplexity"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "gcp.gemini"),
        ("https://api.writer.com/v1/chat/completions", "writer"),
        ("https://a.snowflakecomputing.com/api/v2/cortex/v1/chat/completions", "snowflake"),
    ] {
        let start = start(&OpenAiChat, uri, &json!({"messages": []}));
        assert_eq!(&*start.provider, provider, "{uri}");
    }
}

#[test]
fn azure_has_the_model_in_the_path() {
    let model = |uri: &str, body: Value| start(&OpenAiChat, uri, &body).model;
    let path = "/openai/deployments/my-gpt/chat/completions?api-version=2024-02-01";
    assert_eq!(model(path, json!({})).as_deref(), Some("my-gpt"));
    assert_eq!(model(path, json!({"model": "gpt"})).as_deref(), Some("gpt"));
    assert_eq!(model("/openai/deployments//chat/completions", json!({})), None);
    assert_eq!(model("/v1/chat/completions", json!({})), None);
}

#[test]
fn any_content_type_may_be_streamed_or_unstreamed() {
    let body = json!({"choices": [{"message": {"content": "a"}}]}).to_string();
    let sse = sse([text(0, "a")]);
    let formats: [&dyn Format; 2] = [&OpenAiChat, &OpenAiCompletions];
    for format in formats {
        let decode = |content_type: Option<&str>, body: &str| {
            let mut all = Vec::new();
            let mut decoder = format.decoder(&response(&of_type(content_type)));
            decoder.push(body.as_bytes(), &mut |delta| all.push(delta.into_owned()));
            decoder.finish(&mut |delta| all.push(delta.into_owned()));
            all
        };
        for content_type in [None, Some("application/json"), Some("text/event-stream")] {
            let expected = [Delta::NotStreamed, Delta::text("a"), Delta::Done];
            assert_eq!(decode(content_type, &body), expected);
        }
        // Whatever the content type.
        for content_type in
            [None, Some("text/event-stream"), Some("text/plain"), Some("application/json")]
        {
            assert_eq!(decode(content_type, &sse), [Delta::text("a")]);
        }
        let error = Delta::Error(ProviderError::new("no JSON"));
        assert_eq!(decode(Some("application/json"), "no JSON"), [error]);
    }
}

#[test]
fn error_bodies_round_trip() {
    for (status, kind, code) in [
        (400, "invalid_request_error", Value::Null),
        (401, "invalid_request_error", json!("invalid_api_key")),
        (403, "invalid_request_error", Value::Null),
        (429, "requests", json!("rate_limit_exceeded")),
        (500, "server_error", Value::Null),
        (503, "server_error", Value::Null),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let expected =
            json!({"error": {"message": "m \"q\"", "type": kind, "param": null, "code": code}});
        let formats: [&dyn Format; 2] = [&OpenAiChat, &OpenAiCompletions];
        for format in formats {
            let body = format.error_body(status, "m \"q\"");
            assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
            // The error decodes to what was encoded.
            let read = format.error(status, &body);
            assert_eq!(&*read.message, "m \"q\"");
            assert_eq!(read.code.as_deref(), code.as_str().or(Some(kind)));
        }
    }
}
