//! Promise 12: a call is observed however its path is spelled, and the request goes on as it came.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use support::http::{HELLO, Scripted, event_stream};
use support::{Mode, Recorders};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Callbacks, EventData, HttpCallbackLayer, LlmStart,
    http_layer::RequestBody,
    wire::{LlmHttpRequest, openai_chat::OpenAiChat},
};

/// Makes a call. Returns its start, if it has a run.
async fn start_of(
    layer: impl FnOnce(HttpCallbackLayer) -> HttpCallbackLayer,
    method: Method,
    target: &str,
    body: &str,
) -> Option<LlmStart> {
    let recorders = Recorders::new(&[Mode::Inline]);
    let layer = layer(HttpCallbackLayer::new(recorders.callbacks.clone()));
    let uri: Uri = target.parse().unwrap();
    let expected = uri.clone();
    let server = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
        assert_eq!(*request.uri(), expected, "the request is unchanged");
        async { Ok::<Response<Scripted>, BoxError>(event_stream(Scripted::chunks(HELLO))) }
    });
    let request = Request::builder().method(method).uri(uri).body(Full::from(body.to_owned()));
    let response = layer.layer(server).oneshot(request.unwrap()).await.unwrap();
    let _ = response.into_body().collect().await;
    match &recorders.each[0].1.events().first()?.data {
        EventData::LlmStart(start) => Some(LlmStart::clone(start)),
        other => panic!("{other:?}"),
    }
}

async fn api(target: &str) -> Option<String> {
    let body = r#"{"model":"m","messages":[]}"#;
    Some(start_of(|layer| layer, Method::POST, target, body).await?.api.to_string())
}

#[tokio::test]
async fn every_spelling_of_a_path_is_observed() {
    for (target, expected) in [
        ("/v1/m%65ssages", "messages"),
        ("/%76%31/%6Dessages?beta=true", "messages"),
        ("/v1%2Fmessages", "messages"),
        ("/v1/x/../messages", "messages"),
        ("/v1/x/%2e%2E/messages", "messages"),
        ("/v1/x%2F..%2Fmessages", "messages"),
        ("/v1/./messages", "messages"),
        ("/v1/messages/", "messages"),
        ("/v1/messages/?key=1", "messages"),
        ("//v1//messages//", "messages"),
        ("HTTPS://API.ANTHROPIC.COM/v1/m%65ssages/", "messages"),
        ("/v1/chat%2Fcompletions", "chat_completions"),
        ("/v1/%63hat/completions", "chat_completions"),
        ("/v1/chat/x/../completions/", "chat_completions"),
        ("/v1/%63ompletions", "completions"),
        ("/v1/respons%65s", "responses"),
        ("/v1beta/models/g%3AgenerateContent", "generate_content"),
        ("/api//chat/", "chat"),
        ("/api/g%65nerate", "generate"),
        // Chats under other names.
        ("/v1/agents/completions", "chat_completions"),
        ("/v1/fim/completions", "chat_completions"),
        ("/serving-endpoints/my-llama/invocations", "chat_completions"),
        ("/serving-endpoints/chat/completions", "chat_completions"),
        ("/openai/deployments/mine/chat/completions?api-version=1", "chat_completions"),
        ("/models/chat/completions?api-version=1", "chat_completions"),
        ("/ml/v1/text/chat?version=1", "chat_completions"),
        ("/ml/v1/deployments/d/text/chat_stream?version=1", "chat_completions"),
        ("/v1/projects/p/locations/l/endpoints/openapi/chat/completions", "chat_completions"),
        ("/v1/projects/p/locations/l/publishers/mistralai/models/m:rawPredict", "chat_completions"),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/c%40x:rawPredict", "messages"),
        ("/v1/projects/p/locations/l/endpoints/12:generateContent", "generate_content"),
        ("/v1beta1/publishers/google/models/g:streamGenerateContent?key=k", "generate_content"),
        ("/v1/responses/compact", "responses"),
        ("/v2/chat", "chat"),
        ("/v1/complete", "complete"),
        ("/v1beta/interactions", "interactions"),
        ("/ml/v1/text/generation_stream?version=1", "generation"),
        // Writer's chat, since the body has messages.
        ("/v1/chat", "chat_completions"),
    ] {
        assert_eq!(api(target).await.as_deref(), Some(expected), "{target}");
    }
    for target in [
        "/v1/messages/../models",
        "/v1/m%2565ssages",
        "/v1/messages%00",
        "/v1/messages%ff",
        "/v1/messages%",
        "/%2e%2e/messages",
        "/serving-endpoints//invocations",
        "/v1/responses/input_tokens",
        "/v1/messages/count_tokens",
        "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
        "/v1beta/interactions/v1_1/cancel",
        // Without the members of a call.
        "/v1/conversations",
        "/v1/generate",
        "/completion",
        "/generate",
        "/invocations",
    ] {
        assert_eq!(api(target).await, None, "{target}");
    }
}

#[tokio::test]
async fn models_in_paths_are_decoded() {
    for (target, expected) in [
        ("/v1beta/models/gemini%2D2.5:generateContent", "gemini-2.5"),
        ("/v1beta/models%2Fgemini-x:generateContent", "gemini-x"),
        ("/v1beta/models/google%2Fgemini-x:streamGenerateContent", "gemini-x"),
        ("/v1beta/models/mod%C3%A8le:generateContent", "modèle"),
        ("/v1beta/models/claude%4020250929%3AgenerateContent/", "claude@20250929"),
        ("/openai/deployments/my%20gpt/chat/completions", "my gpt"),
        ("/openai/deployments/my%20gpt/completions/", "my gpt"),
        ("/openai/deployments/mine/responses", "mine"),
        ("/openai/deployments/mine/extensions/chat/completions", "mine"),
        ("/serving-endpoints/mine/served-models/m/invocations", "mine"),
        ("/v1/engines/davinci/completions", "davinci"),
        ("/engines/my%2Fgpt/chat/completions", "my/gpt"),
        ("/v1/account/gateway/azure-openai/resource/mine/chat/completions", "mine"),
        ("/serving-endpoints/my%2Dllama/invocations", "my-llama"),
        ("/ml/v1/deployments/d%31/text/chat", "d1"),
    ] {
        let start = start_of(|layer| layer, Method::POST, target, r#"{"messages":[]}"#).await;
        assert_eq!(start.unwrap().model.as_deref(), Some(expected), "{target}");
    }
    let body = r#"{"model":"asked","messages":[]}"#;
    let target = "/serving-endpoints/other/invocations";
    let start = start_of(|layer| layer, Method::POST, target, body).await.unwrap();
    assert_eq!(start.model.as_deref(), Some("asked"));
}

#[tokio::test]
async fn the_texts_of_chats_under_other_names_are_prompts() {
    for (target, body, expected) in [
        (
            "/v1/fim/completions",
            r#"{"model":"codestral","prompt":"a","suffix":"b","max_tokens":5}"#,
            r#"[{"content":"a","role":"user","suffix":"b"}]"#,
        ),
        (
            "/v1/agents/completions",
            r#"{"agent_id":"ag","messages":[{"role":"user","content":"a"}],"max_tokens":5}"#,
            r#"[{"content":"a","role":"user"}]"#,
        ),
        (
            "/serving-endpoints/e/invocations",
            r#"{"input":[{"role":"user","content":"a"}],"max_tokens":5}"#,
            r#"[{"content":"a","role":"user"}]"#,
        ),
        (
            "/serving-endpoints/e/invocations",
            r#"{"prompt":"a","max_tokens":5}"#,
            r#"[{"content":"a","role":"user"}]"#,
        ),
    ] {
        let start = start_of(|layer| layer, Method::POST, target, body).await.unwrap();
        assert_eq!(start.messages.get().unwrap().to_string(), expected, "{target}");
        assert_eq!(start.params["max_tokens"], 5);
        assert!(!start.params.contains_key("suffix") && !start.params.contains_key("prompt"));
    }
}

#[tokio::test]
async fn routes_are_compared_as_servers_read_them() {
    for (route, target, expected) in [
        ("/llm", "/llm/", true),
        ("/llm", "/l%6Cm", true),
        ("/llm/", "/llm", true),
        ("/l%6Cm", "/llm", true),
        ("//llm/./chat", "/llm/chat", true),
        ("/llm/*", "/x/../llm/chat", true),
        ("/llm/*", "/llm/../chat", false),
        ("/llm/*", "/llm/%2e%2e/chat", false),
        ("*/ask", "/llm/ask/", true),
        ("/llm", "/LLM", false),
    ] {
        let routed = |layer: HttpCallbackLayer| layer.route(route, OpenAiChat);
        let found = start_of(routed, Method::POST, target, "{}").await;
        assert_eq!(found.is_some(), expected, "{route} {target}");
        // An ignored path cannot be used to hide a call, nor is a call of it observed.
        let both = |layer: HttpCallbackLayer| layer.route("*", OpenAiChat).ignore(route);
        let found = start_of(both, Method::POST, target, "{}").await;
        assert_eq!(found.is_none(), expected, "ignored: {route} {target}");
    }
}

/// Pieces of paths that decoding, dot segments and slashes are made of, and any text.
fn path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/".to_owned()),
        Just("%2f".to_owned()),
        Just("%2E".to_owned()),
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("%".to_owned()),
        Just("%25".to_owned()),
        Just("%c3%a9".to_owned()),
        Just("%C3".to_owned()),
        Just("v1/messages".to_owned()),
        "[a-z0-9%:~*]{0,4}",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

fn normal(path: &str) -> String {
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    let uri = Uri::builder().path_and_query(path).build().unwrap();
    LlmHttpRequest::new(&Method::POST, &uri, &headers, &body).path().into_owned()
}

proptest! {
    /// The normal form, encoded again, is its own normal form.
    #[test]
    fn normalising_is_idempotent(path in path()) {
        let once = normal(&path);
        let encoded: String = once.bytes().map(|byte| match byte {
            b'/' => "/".to_owned(),
            byte => format!("%{byte:02x}"),
        }).collect();
        prop_assert_eq!(&normal(&encoded), &once);
        prop_assert!(once.starts_with('/') && !once.contains("//"));
        prop_assert!(once.len() == 1 || !once.ends_with('/'));
        prop_assert!(!once.split('/').any(|segment| segment == "." || segment == ".."));
    }

    #[test]
    fn no_path_panics_or_is_changed(path in path()) {
        let runtime = support::Flavor::Current.runtime();
        runtime.block_on(async {
            // Of a star in a route, one at most.
            let route = path.replacen('*', "x", path.matches('*').count().saturating_sub(1));
            let layer = |layer: HttpCallbackLayer| layer.route(&route, OpenAiChat).route("/a/*", OpenAiChat);
            let _ = start_of(layer, Method::POST, &path, "{}").await;
            let unobserved = HttpCallbackLayer::new(Callbacks::new());
            let server = service_fn(|_| async { Ok::<_, BoxError>(Response::new(Full::<Bytes>::default())) });
            let request = Request::get(&*path).body(Full::<Bytes>::default()).unwrap();
            unobserved.layer(server).oneshot(request).await.unwrap();
            assert!(unobserved.stats().unobserved.len() <= 1);
        });
    }
}
