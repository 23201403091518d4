//! Promise 10, nothing leaks: secrets reach no event, log or error text.

use std::{
    fmt::Write,
    io,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use support::{Gate, PATIENCE, Recorders, call, in_each_mode, on_each_runtime, read};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_llm_callbacks::{
    Abort, ErrorKind, EventKind, FaultKind, LlmRequest, Registration,
    chat::{ChatRequest, Tool},
    model::anthropic::{AnthropicConfig, AnthropicLayer, Auth},
    on_event,
    testing::Script,
};

/// The prefix of all secrets in these tests.
const CANARY: &str = "CANARY";

#[track_caller]
fn assert_clean(what: &str, text: &str) {
    assert!(!text.contains(CANARY), "{what}: {text}");
}

#[derive(Clone)]
struct Extension(#[allow(dead_code, reason = "used by Debug")] &'static str);

/// A request with a secret in every possible place.
fn request() -> ChatRequest {
    let mut request = ChatRequest::new("claude-3-haiku-20240307")
        .user("Hello")
        .tool(Tool::new("f", json!({"type": "object", "properties": {"token": {}}})))
        .param("api_key", "CANARY-1")
        .param(
            "mcp_servers",
            json!([{
                "url": "https://user:CANARY-2@mcp.example/sse?key=CANARY-3",
                "authorization_token": "CANARY-4",
                "headers": {"x-any": "CANARY-5"},
            }]),
        )
        .param("extra", json!({"headers": [["x-any", "CANARY-6"], {"x-any": "CANARY-7"}]}))
        .param("http", json!({"headers": "x-any: CANARY-8", "Password": ["CANARY-9"]}));
    request.extensions.insert(Extension("CANARY-10"));
    request
}

fn config() -> AnthropicConfig {
    AnthropicConfig::new("CANARY-key").header("x-gateway-key", "CANARY-header")
}

const ANSWER: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":1,"output_tokens":1}}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}

event: message_stop
data: {"type":"message_stop"}

"#;

type Answers = fn() -> Result<Response<Full<Bytes>>, io::Error>;

/// An HTTP client with a fixed answer.
#[derive(Debug, Clone)]
struct Http(Answers);

impl Service<Request<Full<Bytes>>> for Http {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Response<Full<Bytes>>, io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let answers = self.0;
        async move { answers() }.boxed()
    }
}

fn respond(status: StatusCode, kind: &str, body: &'static str) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
    response.header("set-cookie", "CANARY-cookie").body(body.into()).unwrap()
}

/// The HTTP service's answers, and how their runs end.
const WAYS: [(Option<ErrorKind>, Answers); 5] = [
    (None, || Ok(respond(StatusCode::OK, "text/event-stream", ANSWER))),
    (Some(ErrorKind::Truncated), || Ok(respond(StatusCode::OK, "text/event-stream", ""))),
    (Some(ErrorKind::Provider), || {
        let body =
            r#"{"type":"error","error":{"type":"authentication_error","message":"bad key"}}"#;
        Ok(respond(StatusCode::UNAUTHORIZED, "application/json", body))
    }),
    // HTTP clients quote URLs and headers in their errors.
    (Some(ErrorKind::Transport), || {
        Err(io::Error::other("GET https://me:CANARY@h?key=CANARY: x-api-key: CANARY"))
    }),
    (Some(ErrorKind::Panic), || panic!("scripted: the client quotes the CANARY")),
];

/// Checks everything that handlers receive of a call with secrets, however it ends.
#[test]
fn secrets_reach_no_event_debug_output_or_log() {
    support::log::start();
    for (ends, answers) in WAYS {
        for auth in [Auth::ApiKey, Auth::Bearer] {
            support::everywhere(move |recorders| async move {
                let seen: Arc<Mutex<String>> = Arc::default();
                let notes = Arc::clone(&seen);
                let recorders =
                    recorders.with(Registration::inline(on_event(move |run, event| {
                        let record = serde_json::to_string(&event.record(run)).unwrap();
                        let mut notes = notes.lock().unwrap();
                        writeln!(notes, "{record} {:?}", event.record(run)).unwrap();
                        writeln!(notes, "{event:?} {event:#?} {run:?} {:?}", event.time()).unwrap();
                    })));
                let mut model = ServiceBuilder::new()
                    .layer(recorders.layer())
                    .layer(AnthropicLayer::new(config().auth(auth)))
                    .service(Http(answers));
                let call = async { model.ready().await.unwrap().call(request()).await };
                let got = std::panic::AssertUnwindSafe(call).catch_unwind().await;
                let error = match got {
                    Ok(Ok(stream)) => {
                        assert_clean("stream", &format!("{stream:?}"));
                        read(stream).await.1
                    }
                    Ok(Err(error)) => Some(error),
                    Err(_panic) => None,
                };
                let error = error.map(|error| error.to_string()).unwrap_or_default();
                assert_clean("error", &error);
                recorders.ended(ends).await;
                for (_, recorder) in &recorders.each {
                    assert_clean("recorded", &format!("{:?}", recorder.events()));
                }
                assert_clean("seen", &seen.lock().unwrap());
                assert_clean("model", &format!("{model:?} {:?}", recorders.layer()));
                drop(recorders);
            });
        }
    }
    assert_clean("log", &support::log::all());
}

#[test]
fn debug_output_redacts_secrets_only() {
    let request = request();
    assert_clean("request", &format!("{request:?} {request:#?}"));
    let start = request.llm_start();
    assert_clean("start", &format!("{start:?} {}", json!(start)));
    // Values that are not secrets are unchanged.
    assert_eq!(start.params["tools"][0]["parameters"]["properties"], json!({"token": {}}));
    assert_eq!(start.params["extra"]["headers"][1], json!({"x-any": "[redacted]"}));
    let server: &Value = &start.params["mcp_servers"][0];
    assert_eq!(server["url"], "https://mcp.example/sse?[redacted]");

    let config = config();
    assert_clean("config", &format!("{config:?} {config:#?}"));
    assert!(format!("{config:?}").contains("https://api.anthropic.com"));
    let layer = AnthropicLayer::new(config);
    assert_clean("layer", &format!("{layer:?} {:?}", layer.layer(())));
    // Invalid configurations do not show secrets either.
    for url in ["https://me:CANARY@h", "https://h?key=CANARY", "https://h#CANARY", "h CANARY"] {
        let config = config_with_url(url);
        assert_clean("config", &format!("{config:?} {:?}", AnthropicLayer::new(config.clone())));
        assert_clean("refusal", &format!("{0} {0:?}", config.validate().unwrap_err()));
    }
}

fn config_with_url(url: &str) -> AnthropicConfig {
    AnthropicConfig::new("k").base_url(url)
}

/// A handler's panic may quote content: the fault stores its message, but neither logs nor displays it.
#[test]
fn a_handlers_panic_message_is_not_logged() {
    support::log::start();
    in_each_mode(|mode| async move {
        let panics = mode.closure(|run, event| match event.kind() {
            EventKind::LlmNewToken => panic!("CANARY of the panic, in {run:?}"),
            EventKind::LlmStart => {}
            kind => panic!("{kind} after the panic"),
        });
        let recorders = Recorders::new(&[mode]).with(panics.name("fragile"));
        let (_, mut model) = recorders.model(Script::answer(["a"]));
        assert!(read(call(&mut model).await.unwrap()).await.1.is_none());
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        let fault = recorders.faults.one();
        assert_eq!((fault.kind, fault.event), (FaultKind::Panicked, Some(EventKind::LlmNewToken)));
        assert!(fault.message.as_deref().unwrap().starts_with("CANARY of the panic"));
        assert_clean("fault", &fault.to_string());
        let reported = fault.to_string();
        assert!(support::log::all().contains(&reported), "{reported} is not in the log");
    });
    assert_clean("log", &support::log::all());
}

/// A fault hook's panic message is not logged either.
#[test]
fn a_fault_hooks_panic_message_is_not_logged() {
    support::log::start();
    on_each_runtime(|| async {
        let panics = Registration::inline(on_event(|_, _| panic!("CANARY of the handler")));
        let mut recorders = Recorders::new(&[]).with(panics);
        recorders.callbacks = recorders.callbacks.on_fault(|_| panic!("CANARY of the hook"));
        let (_, mut model) = recorders.model(Script::answer(["a"]));
        assert!(read(call(&mut model).await.unwrap()).await.1.is_none());
        recorders.faults.one();
    });
    assert!(support::log::all().contains("a fault hook panicked"));
    assert_clean("log", &support::log::all());
}

/// Consumers and handlers receive the abort's reason, without any secret.
#[test]
fn an_abort_reports_its_reason_only() {
    support::log::start();
    in_each_mode(|mode| async move {
        let gate = Gate::new();
        let (handler, runs) = support::runs();
        let recorders = Recorders::new(&[mode]).with(gate.at(EventKind::LlmStart)).with(handler);
        let mut service =
            recorders.layer().layer(AnthropicLayer::new(config()).layer(Http(WAYS[0].1)));
        let calls = tokio::spawn(service.call(request()));
        gate.entered().await;
        assert!(runs.lock().unwrap()[0].abort(Abort::new("enough")));
        gate.open();
        let error = tokio::time::timeout(PATIENCE, calls).await.unwrap().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the call was aborted: enough");
        assert_clean("error", &format!("{error:?}"));
        let end = recorders.ended(Some(ErrorKind::Aborted)).await;
        assert_clean("terminal", &format!("{end:?}"));
    });
    assert_clean("log", &support::log::all());
}
