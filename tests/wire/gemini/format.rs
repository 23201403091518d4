//! The format: request matching, start events, and errors over HTTP.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use support::wire::{of_type, response};
use tower_llm_callbacks::{
    Delta, LlmStart, ProviderError,
    wire::{Format, LlmHttpRequest, gemini::Gemini},
};

#[test]
fn requests_match_by_method_and_path() {
    let post = |path| Gemini.matches(&Method::POST, path);
    for path in [
        "/v1beta/models/gemini-x:generateContent",
        "/v1beta/models/gemini-x:streamGenerateContent",
        "/v1/projects/p/locations/l/publishers/google/models/gemini-x:streamGenerateContent",
        "/v1beta/tunedModels/mine:generateContent",
        "/gateway/google/v1beta/models/google/gemini-x:generateContent",
    ] {
        assert!(post(path), "{path}");
        assert!(!Gemini.matches(&Method::GET, path), "{path}");
    }
    for path in [
        "",
        "/",
        ":generateContent",
        "/v1beta/models/:generateContent",
        "/v1beta/models",
        "/v1beta/models/gemini-x",
        "/v1beta/models/gemini-x:countTokens",
        "/v1beta/models/gemini-x:batchGenerateContent",
        "/v1beta/models/gemini-x:generateContent/",
        "/v1beta/files/x:generateContent",
        "/v1/messages",
    ] {
        assert!(!post(path), "{path}");
    }
}

fn start(uri: &'static str, body: &Value) -> LlmStart {
    let (uri, body) = (Uri::from_static(uri), Bytes::from(body.to_string()));
    Gemini.start(&LlmHttpRequest::new(&Method::POST, &uri, &HeaderMap::new(), &body))
}

#[test]
fn the_start_of_a_call() {
    let start = start(
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-x:streamGenerateContent?alt=sse&key=CANARY",
        &json!({
            "contents": [
                {"role": "user", "parts": [{"text": "Hi"}]},
                {"role": "model", "parts": [{"text": "Hello"}]},
            ],
            "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
            "generationConfig": {"temperature": 0.5, "maxOutputTokens": 9},
            "safetySettings": null,
            "tools": [{"functionDeclarations": [{"name": "f"}]}],
        }),
    );
    assert_eq!((&*start.provider, &*start.api), ("gcp.gemini", "generate_content"));
    assert_eq!((start.model.as_deref(), start.stream), (Some("gemini-x"), true));
    assert_eq!(
        *start.messages.get().unwrap(),
        json!([
            {"role": "system", "parts": [{"text": "Be brief."}]},
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"text": "Hello"}]},
        ])
    );
    assert_eq!(
        Value::Object(start.params.clone()),
        json!({"generationConfig": {"temperature": 0.5, "maxOutputTokens": 9}, "safetySettings": null,
            "tools": [{"functionDeclarations": [{"name": "f"}]}]})
    );
    assert!(!serde_json::to_string(&start).unwrap().contains("CANARY"));
}

#[test]
fn file_contents_are_redacted_in_the_prompt() {
    let content = |data, uri| {
        json!({"role": "user", "parts": [
            {"inlineData": {"mimeType": "image/png", "data": data}},
            {"fileData": {"fileUri": uri}},
            {"text": "https://host/?stays"},
        ]})
    };
    let body = json!({"contents": [content("CANARY", "https://host/a?CANARY")]});
    let start = start("/v1beta/models/x:generateContent", &body);
    let expected = content("[redacted, 6 characters]", "https://host/a?[redacted]");
    assert_eq!(*start.messages.get().unwrap(), json!([expected]));
}

#[test]
fn the_provider_on_vertex_and_gateways() {
    let body = json!({"system_instruction": "Be brief.", "contents": {"parts": [{"text": "Hi"}]}});
    for (uri, provider) in [
        ("https://aiplatform.googleapis.com/v1/models/x:generateContent", "gcp.vertex_ai"),
        (
            "https://us-Central1-aiplatform.googleapis.com/v1/models/x:generateContent",
            "gcp.vertex_ai",
        ),
        ("/v1/projects/p/locations/l/publishers/google/models/x:generateContent", "gcp.vertex_ai"),
        ("/v1beta/models/x:generateContent", "gcp.gemini"),
        ("https://gateway.example/v1beta/models/x:generateContent", "gcp.gemini"),
    ] {
        let start = start(uri, &body);
        assert_eq!(&*start.provider, provider, "{uri}");
        assert_eq!((start.model.as_deref(), start.stream), (Some("x"), false));
        assert_eq!(
            *start.messages.get().unwrap(),
            json!([{"role": "system", "content": "Be brief."}, {"parts": [{"text": "Hi"}]}])
        );
    }
    // A configured route without a model in its path.
    let start = start("/custom", &json!({}));
    assert_eq!((start.model.as_deref(), start.stream), (None, false));
    assert_eq!(*start.messages.get().unwrap(), json!([]));
}

#[test]
fn any_content_type_may_be_streamed_or_unstreamed() {
    let chunk = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#;
    let rest = [Delta::text("a"), Delta::finish("STOP"), Delta::Done];
    for content_type in [None, Some("application/json"), Some("text/event-stream")] {
        for (body, streamed) in [
            (chunk.to_owned(), false),
            (format!("[{chunk}]"), true),
            (format!("data: {chunk}\n\n"), true),
        ] {
            let (mut decoder, mut all) =
                (Gemini.decoder(&response(&of_type(content_type))), vec![]);
            decoder.push(body.as_bytes(), &mut |delta| all.push(delta.into_owned()));
            decoder.finish(&mut |delta| all.push(delta.into_owned()));
            let expected = if streamed { vec![] } else { vec![Delta::NotStreamed] };
            assert_eq!(all, [expected, rest.to_vec()].concat(), "{body}");
        }
    }
}

#[test]
fn http_errors() {
    let error = |body: &str| Gemini.error(StatusCode::NOT_FOUND, body.as_bytes());
    let expected = ProviderError::new("no such model").code("NOT_FOUND").status(404);
    let body = r#"{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}"#;
    assert_eq!(error(body), expected);
    assert_eq!(error(&format!("[{body}\n]")), expected);
    let number = r#"{"error":{"code":404,"message":"no such model"}}"#;
    assert_eq!(error(number), ProviderError::new("no such model").code("404").status(404));
    // Statuses that are not in upper case are not codes.
    let other = r#"{"error":{"status":"failed","code":"c","message":"m"}}"#;
    assert_eq!(error(other), ProviderError::new("m").code("c").status(404));
    assert_eq!(error("<html>"), ProviderError::new("HTTP status 404").status(404));
}

#[test]
fn error_bodies_round_trip() {
    for (status, word) in [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (422, "FAILED_PRECONDITION"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let body = Gemini.error_body(status, "why \"not\"");
        let json: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json["error"]["code"], status.as_u16());
        let expected = ProviderError::new("why \"not\"").code(word).status(status.as_u16());
        assert_eq!(Gemini.error(status, &body), expected);
    }
}

/// Gemini Code Assist, as Gemini CLI calls it.
#[test]
fn requests_and_answers_may_be_members() {
    let request = json!({"model": "gemini-2.5-pro", "project": "p", "user_prompt_id": "1", "request": {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": {"temperature": 0}}});
    let start = start("/v1internal:streamGenerateContent?alt=sse", &request);
    assert_eq!((start.model.as_deref(), start.stream), (Some("gemini-2.5-pro"), true));
    assert_eq!(start.messages.get().unwrap(), &request["request"]["contents"]);
    assert_eq!(start.params["generationConfig"]["temperature"], 0);
    assert!(!Gemini.matches(&Method::POST, "/v1internal:countTokens"));

    let answer = json!({"candidates": [{"content": {"parts": [{"text": "Hello"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}});
    let wrapped = json!({"response": answer, "traceId": "t"});
    assert_eq!(super::chunks([wrapped.clone()]), super::chunks([answer.clone()]));
    assert_eq!(super::body(wrapped.to_string()), super::body(answer.to_string()));
}
