//! Anthropic's Messages API as a service: what is sent on the wire, and what is returned.

use std::{
    convert::Infallible,
    error::Error,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use http::{Request, Response, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::{Value, json};
use tower::{BoxError, Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_llm_callbacks::{
    Delta, ProviderError,
    chat::{
        ChatChunk, ChatRequest, ChatStream, ContentPart, Message, ModelError, Role, Tool,
        ToolChoice, collect,
    },
    event::Truncated,
    model::anthropic::{AnthropicConfig, AnthropicLayer, AnthropicModel, Auth, ResponseFuture},
};

const KEY: &str = "sk-ant-CANARY";
const MODEL: &str = "claude-3-haiku-20240307";

fn config() -> AnthropicConfig {
    AnthropicConfig::new(KEY)
}

fn hello() -> ChatRequest {
    ChatRequest::new(MODEL).max_tokens(25).user("Hello")
}

/// A response with status 200, a content type and a request id.
fn ok<B>(content_type: &str, body: B) -> Response<B> {
    let response = Response::builder().header("request-id", "req_header");
    response.header(header::CONTENT_TYPE, content_type).body(body).unwrap()
}

fn text(body: impl Into<Bytes>) -> Full<Bytes> {
    Full::new(body.into())
}

fn sse(events: &[Value]) -> String {
    let event =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.iter().map(event).collect()
}

/// Calls the model with an HTTP client that returns `response`. Returns the answer and the request sent.
async fn exchange<B>(
    config: AnthropicConfig,
    request: ChatRequest,
    response: Response<B>,
) -> (Result<ChatStream, ModelError>, Option<Request<Bytes>>)
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (seen, response) = (Mutex::new(None), Mutex::new(Some(response)));
    let http = service_fn(async |request: Request<Full<Bytes>>| {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        *seen.lock().unwrap() = Some(Request::from_parts(parts, body));
        Ok::<_, Infallible>(response.lock().unwrap().take().expect("one call"))
    });
    let answer = AnthropicLayer::new(config).layer(http).oneshot(request).await;
    (answer, seen.into_inner().unwrap())
}

async fn sent(config: AnthropicConfig, request: ChatRequest) -> Request<Bytes> {
    let (answer, seen) = exchange(config, request, ok("text/event-stream", text(""))).await;
    answer.unwrap();
    seen.unwrap()
}

async fn sent_body(request: ChatRequest) -> Value {
    serde_json::from_slice(sent(config(), request).await.body()).unwrap()
}

async fn answered<B>(response: Response<B>) -> Result<ChatStream, ModelError>
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    exchange(config(), hello(), response).await.0
}

async fn items(stream: ChatStream) -> (Vec<ChatChunk>, Option<ModelError>) {
    let (mut chunks, mut error) = (Vec::new(), None);
    let mut stream = stream;
    while let Some(item) = stream.next().await {
        assert!(error.is_none(), "the stream yields an item after the error");
        match item {
            Ok(chunk) => chunks.push(chunk),
            Err(last) => error = Some(last),
        }
    }
    assert!(stream.next().await.is_none());
    (chunks, error)
}

fn start() -> Value {
    json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [],
        "usage": {"input_tokens": 11, "cache_read_input_tokens": 5, "output_tokens": 1},
    }})
}

fn delta(index: u32, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn text_delta(index: u32, text: &str) -> Value {
    delta(index, &json!({"type": "text_delta", "text": text}))
}

fn stop(reason: &str) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason},
               "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ]
}

/// Events with reasoning, text and two tool calls; the same answer as [`whole`].
fn streamed() -> String {
    let tool = |index: u32, id: &str, name: &str| {
        json!({"type": "content_block_start", "index": index,
               "content_block": {"type": "tool_use", "id": id, "name": name, "input": {}}})
    };
    let input = |index, json: &str| {
        delta(index, &json!({"type": "input_json_delta", "partial_json": json}))
    };
    let events = [
        start(),
        json!({"type": "content_block_start", "index": 0,
               "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "ping"}),
        delta(0, &json!({"type": "thinking_delta", "thinking": "Rain, "})),
        delta(0, &json!({"type": "thinking_delta", "thinking": "or sun?"})),
        delta(0, &json!({"type": "signature_delta", "signature": "c2ln"})),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1,
               "content_block": {"type": "text", "text": ""}}),
        text_delta(1, "Let me "),
        text_delta(1, "look – é."),
        json!({"type": "content_block_stop", "index": 1}),
        tool(2, "toolu_1", "get_weather"),
        input(2, ""),
        input(2, "{\"city\":"),
        input(2, "\"Oslo\"}"),
        json!({"type": "content_block_stop", "index": 2}),
        tool(3, "toolu_2", "get_time"),
        json!({"type": "content_block_stop", "index": 3}),
    ];
    sse(&[&events[..], &stop("tool_use")].concat())
}

fn whole() -> String {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL,
        "content": [
            {"type": "thinking", "thinking": "Rain, or sun?", "signature": "c2ln"},
            {"type": "text", "text": "Let me look – é."},
            {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}},
            {"type": "tool_use", "id": "toolu_2", "name": "get_time", "input": {}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 11, "cache_read_input_tokens": 5, "output_tokens": 9},
    })
    .to_string()
}

/// An endless body that records when it is dropped.
struct Endless {
    first: Option<String>,
    dropped: Arc<AtomicBool>,
}

impl Endless {
    fn new(first: String) -> (Self, Arc<AtomicBool>) {
        let dropped = Arc::new(AtomicBool::new(false));
        (Self { first: Some(first), dropped: Arc::clone(&dropped) }, dropped)
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first.into())))),
            None => Poll::Pending,
        }
    }
}

#[test]
fn types_are_send_and_models_are_clone() {
    fn send<T: Send + 'static>() {}
    fn clone<T: Clone>() {}
    fn unpin<T: Unpin>() {}
    send::<AnthropicModel<()>>();
    send::<ResponseFuture<std::future::Ready<()>>>();
    send::<ChatStream>();
    unpin::<ChatStream>();
    clone::<AnthropicModel<()>>();
    clone::<AnthropicLayer>();
}

#[tokio::test]
async fn the_request_has_every_field() {
    #[derive(Clone, Debug, PartialEq)]
    struct Tag(u32);

    let weather = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let mut request = ChatRequest::new(MODEL)
        .max_tokens(25)
        .system("Be brief.")
        .user("Hello")
        .assistant("Hi!")
        .message(Message::new(
            Role::User,
            [
                ContentPart::text("What is this?"),
                ContentPart::Image { media_type: "image/png".into(), data_base64: "iVBO".into() },
                ContentPart::ImageUrl { url: "https://example.com/a.png".into() },
                ContentPart::Raw(json!({"type": "document", "source": {"type": "file"}})),
            ],
        ))
        .temperature(0.5)
        .top_p(0.75)
        .top_k(40)
        .stop(["END", "STOP"])
        .tool(Tool::new("get_weather", weather.clone()).description("The weather"))
        .tool(Tool::new("get_time", json!({"type": "object"})))
        .tool_choice(ToolChoice::Tool("get_weather".into()))
        .param("metadata", json!({"user_id": "u"}));
    request.extensions.insert(Tag(7));
    let http = sent(config().base_url("https://gateway.example:8443/a/b/"), request).await;

    assert_eq!(http.method(), http::Method::POST);
    assert_eq!(http.uri(), "https://gateway.example:8443/a/b/v1/messages");
    assert_eq!(http.extensions().get(), Some(&Tag(7)));
    let mut headers: Vec<_> = http
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    headers.sort_unstable();
    let expected = [
        ("anthropic-version", "2023-06-01"),
        ("content-type", "application/json"),
        ("x-api-key", KEY),
    ];
    assert_eq!(headers, expected);
    let body: Value = serde_json::from_slice(http.body()).unwrap();
    assert_eq!(
        body,
        json!({
            "model": MODEL,
            "max_tokens": 25,
            "system": "Be brief.",
            "messages": [
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Hi!"},
                {"role": "user", "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image",
                     "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
                    {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                    {"type": "document", "source": {"type": "file"}},
                ]},
            ],
            "temperature": 0.5,
            "top_p": 0.75,
            "top_k": 40,
            "stop_sequences": ["END", "STOP"],
            "tools": [
                {"name": "get_weather", "description": "The weather", "input_schema": weather},
                {"name": "get_time", "input_schema": {"type": "object"}},
            ],
            "tool_choice": {"type": "tool", "name": "get_weather"},
            "metadata": {"user_id": "u"},
            "stream": true,
        })
    );
}

#[tokio::test]
async fn unset_fields_are_not_sent() {
    let expected = json!({
        "model": MODEL, "max_tokens": 4096, "stream": false,
        "messages": [{"role": "user", "content": "Hello"}],
    });
    assert_eq!(sent_body(ChatRequest::new(MODEL).user("Hello").stream(false)).await, expected);

    let request = ChatRequest::new(MODEL).user("Hello");
    let http = sent(config().default_max_tokens(7), request).await;
    let body: Value = serde_json::from_slice(http.body()).unwrap();
    assert_eq!(body["max_tokens"], 7);
}

#[tokio::test]
async fn parameters_override_fields() {
    let request = hello().param("max_tokens", 3).param("tool_choice", json!({"type": "any"}));
    let http = sent(config(), request.tool_choice(ToolChoice::None)).await;
    let raw = std::str::from_utf8(http.body()).unwrap();
    let body: Value = serde_json::from_str(raw).unwrap();
    assert_eq!((&body["max_tokens"], &body["tool_choice"]["type"]), (&json!(3), &json!("any")));
    assert_eq!(raw.matches("max_tokens").count(), 1, "{raw}");
}

#[tokio::test]
async fn tool_choices() {
    for (choice, expected) in
        [(ToolChoice::Auto, "auto"), (ToolChoice::None, "none"), (ToolChoice::Required, "any")]
    {
        let body = sent_body(hello().tool_choice(choice)).await;
        assert_eq!(body["tool_choice"], json!({"type": expected}));
    }
}

#[tokio::test]
async fn system_messages_are_hoisted_and_tool_results_merged() {
    let call = |id: &str, arguments| ContentPart::ToolCall {
        id: id.into(),
        name: "get_weather".into(),
        arguments,
    };
    let unsigned = ContentPart::Reasoning { text: "Hm.".into(), signature: None };
    let signed = ContentPart::Reasoning { text: "Rain?".into(), signature: Some("c2ln".into()) };
    let failed = ContentPart::ToolResult {
        tool_call_id: "toolu_2".into(),
        content: "No such city".into(),
        is_error: true,
    };
    let cached = json!({"type": "text", "text": "Rules", "cache_control": {"type": "ephemeral"}});
    let request = hello()
        .system("Be brief.")
        .message(Message::new(Role::Assistant, [unsigned.clone()]))
        .message(Message::new(
            Role::Assistant,
            [
                signed,
                unsigned,
                call("toolu_1", json!({"city": "Oslo"})),
                call("toolu_2", Value::Null),
            ],
        ))
        .message(Message::tool_result("toolu_1", "Rain"))
        .message(Message::new(Role::System, [ContentPart::Raw(cached.clone())]))
        .message(Message::new(Role::Tool, [failed]))
        .user("And now?");
    let body = sent_body(request).await;

    assert_eq!(body["system"], json!([{"type": "text", "text": "Be brief."}, cached]));
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Rain?", "signature": "c2ln"},
                {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}},
                {"type": "tool_use", "id": "toolu_2", "name": "get_weather", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Rain"},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "No such city",
                 "is_error": true},
            ]},
            {"role": "user", "content": "And now?"},
        ])
    );
}

#[tokio::test]
async fn the_key_is_in_the_configured_header() {
    let http = sent(config(), hello()).await;
    assert!(http.headers()["x-api-key"].is_sensitive());

    let config = config()
        .auth(Auth::Bearer)
        .version("2026-10-21")
        .beta("a-2026-01-01")
        .beta("b-2026-01-01")
        .header("x-gateway-key", "CANARY-2")
        .header("Content-Type", "application/json; charset=utf-8");
    let http = sent(config, hello()).await;
    let headers = http.headers();
    assert_eq!(headers["authorization"], format!("Bearer {KEY}"));
    assert!(headers["authorization"].is_sensitive() && headers["x-gateway-key"].is_sensitive());
    assert!(!headers.contains_key("x-api-key"));
    assert_eq!(headers["anthropic-version"], "2026-10-21");
    assert_eq!(headers["anthropic-beta"], "a-2026-01-01,b-2026-01-01");
    assert_eq!(headers.get_all("content-type").iter().count(), 1);
}

#[tokio::test]
async fn secrets_are_never_in_debug_output_or_errors() {
    for auth in [Auth::ApiKey, Auth::Bearer] {
        let config = config().auth(auth).header("x-other", "CANARY");
        let layer = AnthropicLayer::new(config.clone());
        let http = sent(config.clone(), hello()).await;
        for shown in [
            format!("{config:?}"),
            format!("{layer:?}"),
            format!("{:?}", layer.layer(())),
            format!("{http:#?}"),
        ] {
            assert!(!shown.contains("CANARY"), "{shown}");
        }
    }
    let bad = [
        AnthropicConfig::new("CANARY\n"),
        config().base_url("https://me:CANARY@example.com"),
        config().base_url("https://example.com?key=CANARY"),
        config().base_url("CANARY"),
        config().header("x-other", "CANARY\r\nx: y"),
    ];
    for config in bad {
        let error = config.validate().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
        let (answer, seen) = exchange(config, hello(), ok("", text(""))).await;
        let refused = answer.unwrap_err();
        assert!(matches!(refused, ModelError::InvalidRequest(_)));
        assert!(!format!("{refused} {refused:?}").contains("CANARY"), "{refused}");
        assert!(seen.is_none());
    }
}

#[test]
fn invalid_configurations_are_explained() {
    let reason = |config: AnthropicConfig| config.validate().unwrap_err().to_string();
    assert!(reason(AnthropicConfig::new("")).contains("key must not be empty"));
    assert!(reason(config().version("")).contains("version must not be empty"));
    assert!(reason(config().version("ü")).contains("plain ASCII"));
    assert!(reason(config().header("a b", "c")).contains("\"a b\""));
    assert!(reason(config().base_url("api.anthropic.com")).contains("https://"));
    assert!(reason(config().base_url("ftp://example.com")).contains("https://"));
    assert!(reason(config().base_url("https://api.anthropic.com/v1/")).contains("/v1/messages"));
    for good in ["http://127.0.0.1:1", "https://[::1]/x/", "https://api.anthropic.com"] {
        config().base_url(good).validate().unwrap();
    }
}

#[tokio::test]
async fn streamed_and_unstreamed_answers_are_equal() {
    let (chunks, error) =
        items(answered(ok("text/event-stream; charset=utf-8", text(streamed()))).await.unwrap())
            .await;
    assert!(error.is_none());
    assert_eq!(chunks.last(), Some(&Delta::Done));
    let texts: Vec<_> = chunks.iter().filter_map(Delta::content).collect();
    assert_eq!(
        texts,
        ["Rain, ", "or sun?", "Let me ", "look – é.", "", "{\"city\":", "\"Oslo\"}", ""]
    );

    let stream = answered(ok("text/event-stream", text(streamed()))).await.unwrap();
    let mut streamed = stream.collect_result().await.unwrap();
    let stream = answered(ok("application/json", text(whole()))).await.unwrap();
    let whole = stream.collect_result().await.unwrap();
    assert_eq!((streamed.streamed, streamed.tokens), (true, 8));
    assert_eq!((whole.streamed, whole.tokens), (false, 0));
    (streamed.streamed, streamed.tokens) = (false, 0);
    assert_eq!(streamed, whole);

    let choice = &whole.choices[0];
    assert_eq!(whole.text(), "Let me look – é.");
    assert_eq!(choice.reasoning, "Rain, or sun?");
    assert_eq!(choice.finish_reason.as_deref(), Some("tool_use"));
    let calls: Vec<_> = choice
        .tool_calls
        .iter()
        .map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str()))
        .collect();
    assert_eq!(
        calls,
        [("toolu_1", "get_weather", "{\"city\":\"Oslo\"}"), ("toolu_2", "get_time", "{}")]
    );
    let usage = whole.usage.unwrap();
    let counts = [usage.input_tokens, usage.cache_read_tokens, usage.output_tokens];
    assert_eq!(counts, [Some(16), Some(5), Some(9)]);
}

#[tokio::test]
async fn frames_may_be_cut_anywhere_and_trailers_are_skipped() {
    let bytes = streamed().into_bytes();
    let frames = bytes.into_iter().map(|byte| Frame::data(Bytes::copy_from_slice(&[byte])));
    let frames: Vec<_> = frames.chain([Frame::trailers(http::HeaderMap::new())]).collect();
    let body = StreamBody::new(stream::iter(frames.into_iter().map(Ok::<_, Infallible>)));
    let cut = items(answered(ok("text/event-stream", body)).await.unwrap()).await.0;
    let uncut = items(answered(ok("text/event-stream", text(streamed()))).await.unwrap()).await.0;
    assert_eq!(cut, uncut);
}

#[tokio::test]
async fn the_response_determines_whether_it_is_streamed() {
    let first = async |request: ChatRequest, response: Response<Full<Bytes>>| {
        let mut stream = exchange(config(), request, response).await.0.unwrap();
        stream.next().await.unwrap().unwrap() == Delta::NotStreamed
    };
    let plain = |body: String| Response::new(text(body));
    // The content type takes precedence over the request …
    assert!(first(hello(), ok("application/json; charset=utf-8", text(whole()))).await);
    assert!(!first(hello().stream(false), ok("Text/Event-Stream", text(streamed()))).await);
    // … which decides if the content type is missing or unknown.
    assert!(!first(hello(), plain(streamed())).await);
    assert!(!first(hello(), ok("text/plain", text(streamed()))).await);
    assert!(first(hello().stream(false), plain(whole())).await);
}

#[tokio::test]
async fn http_errors_have_status_code_and_request_id() {
    let envelope = |request_id: Option<&str>| {
        let error = json!({"type": "overloaded_error", "message": "Overloaded"});
        json!({"type": "error", "error": error, "request_id": request_id}).to_string()
    };
    let response = Response::builder().status(529).header("request-id", "req_header");
    let error = answered(response.body(text(envelope(None))).unwrap()).await.unwrap_err();
    let provider = error.provider().unwrap();
    assert_eq!(&*provider.message, "Overloaded");
    assert_eq!(provider.code.as_deref(), Some("overloaded_error"));
    assert_eq!(provider.status, Some(529));
    assert_eq!(provider.request_id.as_deref(), Some("req_header"));
    assert!(error.source().unwrap().is::<ProviderError>());
    let said = error.to_string();
    assert_eq!(said, "the provider reported an error (529 overloaded_error)");

    let response =
        Response::builder().status(401).header(header::CONTENT_TYPE, "text/event-stream");
    let error =
        answered(response.body(text(envelope(Some("req_body")))).unwrap()).await.unwrap_err();
    assert_eq!(error.provider().unwrap().request_id.as_deref(), Some("req_body"));

    let response = Response::builder().status(302).body(text("<html>")).unwrap();
    let error = answered(response).await.unwrap_err();
    assert_eq!(error.provider().unwrap().status, Some(302));
}

#[tokio::test]
async fn a_broken_body_does_not_hide_an_http_error() {
    let frames = [Ok(Frame::data(Bytes::from_static(b"{\"type"))), Err(io::Error::other("reset"))];
    let response = Response::builder().status(500);
    let response = response.body(StreamBody::new(stream::iter(frames))).unwrap();
    let error = answered(response).await.unwrap_err();
    assert_eq!(error.provider().unwrap().status, Some(500));
}

#[tokio::test]
async fn an_error_in_the_stream_ends_it() {
    let error = |extra: Value| {
        let mut event = json!({"type": "error",
            "error": {"type": "overloaded_error", "message": "Overloaded"}});
        event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        sse(&[
            start(),
            text_delta(0, "Hel"),
            event,
            text_delta(0, "lo"),
            json!({"type": "message_stop"}),
        ])
    };
    for (extra, id) in [(json!({}), "req_header"), (json!({"request_id": "req_body"}), "req_body")]
    {
        let (body, dropped) = Endless::new(error(extra));
        let stream = answered(ok("text/event-stream", body)).await.unwrap();
        let (chunks, error) = items(stream).await;
        assert_eq!(chunks.last(), Some(&Delta::text("Hel")));
        let error = error.unwrap();
        let provider = error.provider().unwrap();
        assert_eq!(provider.code.as_deref(), Some("overloaded_error"));
        assert_eq!((provider.status, provider.request_id.as_deref()), (None, Some(id)));
        assert!(dropped.load(Ordering::Relaxed));
    }
}

#[tokio::test]
async fn an_answer_without_its_end_is_truncated() {
    let cut = sse(&[start(), text_delta(0, "Hel")]);
    let (chunks, error) = items(answered(ok("text/event-stream", text(cut))).await.unwrap()).await;
    assert_eq!(chunks.last(), Some(&Delta::text("Hel")));
    assert!(matches!(error, Some(ModelError::Truncated)));
    assert!(error.unwrap().source().unwrap().is::<Truncated>());

    let whole = whole();
    let cut = text(whole[..whole.len() / 2].to_owned());
    let (chunks, error) = items(answered(ok("application/json", cut)).await.unwrap()).await;
    assert_eq!(chunks, [Delta::DecodeFault]);
    assert!(matches!(error, Some(ModelError::Truncated)));
}

#[tokio::test]
async fn the_last_event_may_lack_its_blank_line() {
    let cut = streamed().trim_end().to_owned();
    let (chunks, error) = items(answered(ok("text/event-stream", text(cut))).await.unwrap()).await;
    assert_eq!(chunks.last(), Some(&Delta::Done));
    assert!(error.is_none());
}

#[tokio::test]
async fn undecodable_events_are_skipped() {
    let body = format!("{}event: x\ndata: {{oh\n\n{}", sse(&[start()]), sse(&stop("end_turn")));
    let (chunks, error) = items(answered(ok("text/event-stream", text(body))).await.unwrap()).await;
    assert!(chunks.contains(&Delta::DecodeFault) && chunks.contains(&Delta::Done));
    assert!(error.is_none());
}

#[tokio::test]
async fn transport_errors_keep_their_source() {
    let http = service_fn(async |_: Request<Full<Bytes>>| {
        Err::<Response<Full<Bytes>>, _>(io::Error::other("CANARY"))
    });
    let error = AnthropicLayer::new(config()).layer(http).oneshot(hello()).await.unwrap_err();
    assert!(matches!(error, ModelError::Transport(_)));
    assert!(error.source().unwrap().is::<io::Error>());
    assert!(!error.to_string().contains("CANARY"));

    let frames = [
        Ok(Frame::data(sse(&[start(), text_delta(0, "Hel")]).into())),
        Err(io::Error::other("reset")),
    ];
    let body: StreamBody<_> = StreamBody::new(stream::iter::<[Result<Frame<Bytes>, _>; 2]>(frames));
    let stream = answered(ok("text/event-stream", body)).await.unwrap();
    let (chunks, error) = items(stream).await;
    assert_eq!(chunks.last(), Some(&Delta::text("Hel")));
    assert!(error.unwrap().source().unwrap().is::<io::Error>());
}

#[tokio::test]
async fn a_compressed_answer_is_refused_with_advice() {
    let mut response = ok("text/event-stream", text(&b"\x1f\x8b"[..]));
    response.headers_mut().insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
    let error = answered(response).await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("decompress"));

    let mut response = ok("text/event-stream", text(streamed()));
    response.headers_mut().insert(header::CONTENT_ENCODING, "identity".parse().unwrap());
    answered(response).await.unwrap().collect_result().await.unwrap();
}

#[tokio::test]
async fn dropping_the_stream_drops_the_body() {
    let (body, dropped) = Endless::new(sse(&[start(), text_delta(0, "Hel")]));
    let mut stream = answered(ok("text/event-stream", body)).await.unwrap();
    while stream.next().await.unwrap().unwrap() != Delta::text("Hel") {}
    assert!(stream.next().now_or_never().is_none(), "the stream waits for more events");
    assert!(!dropped.load(Ordering::Relaxed));
    drop(stream);
    assert!(dropped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn the_end_mark_drops_the_body_and_ends_the_stream() {
    let (body, dropped) = Endless::new(streamed() + &sse(&[text_delta(0, "more")]));
    let mut stream = answered(ok("text/event-stream", body)).await.unwrap();
    while stream.next().await.unwrap().unwrap() != Delta::Done {}
    assert!(dropped.load(Ordering::Relaxed));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn dropping_the_future_drops_the_call() {
    let (body, dropped) = Endless::new(String::new());
    let response = Response::builder().status(500).body(body).unwrap();
    let mut future = Box::pin(answered(response));
    assert!(future.as_mut().now_or_never().is_none(), "the future waits for the error body");
    drop(future);
    assert!(dropped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn invalid_requests_are_refused_before_the_call() {
    let cases = [
        (ChatRequest::new(MODEL).max_tokens(1), "no message"),
        (ChatRequest::new(MODEL).max_tokens(1).system("Only this."), "no message"),
        (ChatRequest::new("").user("Hello"), "no model"),
        (hello().max_tokens(0), "max_tokens is 0"),
        (hello().temperature(f64::NAN), "temperature"),
        (hello().top_p(f64::INFINITY), "top_p"),
    ];
    for (request, expected) in cases {
        let (answer, seen) = exchange(config(), request, ok("", text(""))).await;
        let error = answer.unwrap_err();
        let ModelError::InvalidRequest(reason) = error else { panic!("{error}") };
        assert!(reason.to_string().contains(expected), "{reason}");
        assert!(seen.is_none(), "the HTTP service was called");
    }
    let request = ChatRequest::new(MODEL).user("Hello");
    let (answer, seen) =
        exchange(config().default_max_tokens(None), request, ok("", text(""))).await;
    let ModelError::InvalidRequest(reason) = answer.unwrap_err() else { panic!() };
    assert!(reason.to_string().contains("max_tokens"));
    assert!(seen.is_none());
}

#[tokio::test]
async fn readiness_is_forwarded_and_the_ready_service_is_called() {
    let http = service_fn(async |_: Request<Full<Bytes>>| {
        Ok::<_, Infallible>(ok("text/event-stream", text(streamed())))
    });
    let mut model = AnthropicLayer::new(config()).layer(ConcurrencyLimit::new(http, 1));
    let first = model.ready().await.unwrap().call(hello());
    assert!(model.ready().now_or_never().is_none(), "the only permit is taken");
    first.await.unwrap();
    model.ready().await.unwrap().call(hello()).await.unwrap();
}

#[tokio::test]
async fn calls_over_a_real_connection() {
    let url = simulated::serve().await.unwrap();
    let config = config().base_url(url.clone());
    let mut model = AnthropicLayer::new(config.clone()).layer(tower_llm_callbacks::model::client());
    let joke = "Here's a little joke for you:\n\nWhy can't a bicycle stand up by itself? \
                Because it's two-tire";

    let stream = model.ready().await.unwrap().call(hello()).await.unwrap();
    let streamed = collect(stream).await.unwrap();
    assert_eq!((streamed.text(), streamed.tokens), (joke, 24));
    assert_eq!(streamed.model.as_deref(), Some(MODEL));
    assert_eq!(streamed.choices[0].finish_reason.as_deref(), Some("end_turn"));
    let usage = streamed.usage.unwrap();
    assert_eq!((usage.input_tokens > Some(10), usage.output_tokens), (true, Some(24)));

    let stream = model.ready().await.unwrap().call(hello().stream(false)).await.unwrap();
    let whole = stream.collect_result().await.unwrap();
    assert_eq!((whole.text(), whole.streamed), (joke, false));
    assert_eq!(whole.usage.unwrap().output_tokens, Some(24));

    let bad = hello().param("max_tokens", Value::Null);
    let error = model.ready().await.unwrap().call(bad).await.unwrap_err();
    let provider = error.provider().unwrap();
    assert_eq!(
        (provider.status, provider.code.as_deref()),
        (Some(400), Some("invalid_request_error"))
    );
    assert!(provider.request_id.as_deref().unwrap().starts_with("req_"));

    let lost = AnthropicLayer::new(config.base_url(format!("{url}/elsewhere")))
        .layer(tower_llm_callbacks::model::client());
    let error = lost.oneshot(hello()).await.unwrap_err();
    assert_eq!(error.provider().unwrap().code.as_deref(), Some("not_found_error"));
}

#[tokio::test]
async fn a_refused_connection_is_a_transport_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let model = AnthropicLayer::new(config().base_url(format!("http://{address}")))
        .layer(tower_llm_callbacks::model::client());
    let error = model.oneshot(hello()).await.unwrap_err();
    assert!(matches!(error, ModelError::Transport(_)));
    assert!(!format!("{error:?}").contains("CANARY"));
}
