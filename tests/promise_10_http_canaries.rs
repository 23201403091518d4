//! Promise 10 over HTTP: a secret in any place of a request or an answer that takes one reaches no event, no
//! debug form, no log and no error text.

mod http_support;
#[path = "promise_10/log.rs"]
mod log;
mod support;

use std::{
    fmt::Write,
    io,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::{BodyExt, Full};
use http_support::{HELLO, Scripted, Step, WHOLE, data, event_stream, json};
use metrics_util::debugging::DebuggingRecorder;
use serde_json::{Value, json};
use support::{MODES, PATIENCE, Told, on_each_runtime};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    Abort, ErrorKind, HttpCallbackLayer, Registration, Run, RunConfig,
    handlers::{
        ConsoleLog, ConsoleTarget, ConsoleTokens, EventStream, JsonLines, LlmMetrics, PrintTrees,
        RunTrees, TracingSpans, UsageTotals,
    },
    http_layer::{RequestBody, TransportFailure},
    on_event,
};

const REQUEST_HEADERS: [&str; 36] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "x-amz-security-token",
    "x-amz-date-signature",
    "cookie",
    "x-auth-token",
    "x-goog-iam-authorization-token",
    "x-goog-user-project",
    "x-litellm-api-key",
    "x-portkey-api-key",
    "x-portkey-virtual-key",
    "helicone-auth",
    "cf-aig-authorization",
    "cf-access-client-secret",
    "cf-access-jwt-assertion",
    "x-vercel-oidc-token",
    "openai-organization",
    "openai-project",
    "anthropic-workspace-id",
    "x-forwarded-for",
    "referer",
    "user-agent-password",
    "x-any-secret",
    "x-unheard-of",
    "baggage",
    "tracestate",
    "origin",
    "host",
    "from",
    "forwarded",
    "x-user-email",
    "signature",
];

const RESPONSE_HEADERS: [&str; 8] = [
    "set-cookie",
    "www-authenticate",
    "location",
    "x-api-key",
    "anthropic-organization-id",
    "openai-organization",
    "x-unheard-of",
    "authentication-info",
];

/// Secrets as they look: a name of their own, and the shape of the real ones.
fn secret(place: &str) -> String {
    format!("sk-ant-api03-CANARY{place}0123456789abcdefghijklmnopqrstuvwxyz")
}

fn headers(names: &[&str]) -> HeaderMap {
    let named = |name: &&str| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), secret(name).parse().unwrap())
    };
    names.iter().map(named).collect()
}

/// A body with a secret in every place that takes one.
fn asked() -> Value {
    let url = |place: &str| {
        format!(
            "https://u:CANARY-{place}@h.example/p/i.png?X-Amz-Signature=CANARY-{place}&key=CANARY-{place}#CANARY"
        )
    };
    json!({
        "model": "claude", "max_tokens": 9, "stream": true,
        "mcp_servers": [{
            "type": "url", "name": "files", "url": url("mcp"),
            "authorization_token": "CANARY-mcp-token", "headers": {"x-any": "CANARY-mcp-header"},
        }],
        "tools": [{
            "type": "mcp", "server_label": "files", "server_url": url("tool"),
            "authorization": "CANARY-tool-authorization",
            "headers": {"x-any": "CANARY-tool-header", "Authorization": "Bearer CANARY"},
        }],
        "metadata": {"user_id": "CANARY-user-id"},
        "user": "CANARY-user",
        "safety_identifier": "CANARY-safety",
        "prompt_cache_key": "CANARY-cache",
        "api_key": "CANARY-api-key",
        "extra_headers": {"authorization": "CANARY-extra"},
        "extra": {"password": "CANARY-password", "client_secret": ["CANARY-client-secret"]},
        "encrypted_content": "CANARY-encrypted",
        "system": [{"type": "text", "text": "Be brief"}],
        "messages": [
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "url", "url": url("image")}},
                {"type": "image_url", "image_url": {"url": url("image_url")}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,CANARYdata0123456789"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "CANARYbase64"}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,CANARYfile"}},
                {"type": "input_image", "image_url": url("input_image")},
                {"inline_data": {"mime_type": "image/png", "data": "CANARYinline"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "CANARY-signature"},
                {"type": "redacted_thinking", "data": "CANARY-redacted"},
                {"type": "reasoning", "encrypted_content": "CANARY-encrypted-reasoning"},
                {"thoughtSignature": "CANARY-thought-signature"},
            ]},
        ],
    })
}

type Target = &'static str;

const TARGETS: [Target; 2] = [
    "/v1/messages?key=CANARY&api_key=CANARY&X-Amz-Credential=CANARY&nothing=CANARY",
    "https://me:CANARY@api.example/v1/messages?key=CANARY",
];

fn request(target: Target) -> Request<Full<Bytes>> {
    let mut request = Request::post(target).body(Full::from(asked().to_string())).unwrap();
    *request.headers_mut() = headers(&REQUEST_HEADERS);
    request.extensions_mut().insert(Extension("CANARY-extension"));
    request
}

#[derive(Debug, Clone)]
struct Extension(#[allow(dead_code, reason = "shown by the debug form")] &'static str);

const ECHOES: &str = r#"{"type":"error","error":{"type":"authentication_error","message":"Incorrect API key provided: sk-proj-CANARY0123456789abcdefghijkl. See https://u:CANARY@h.example/p?key=CANARY"}}"#;

/// How the upstream may answer, and how the run ends.
type Answer = fn() -> Result<Response<Scripted>, BoxError>;

const QUOTES: &str = "error sending request for url (https://u:CANARY@h/p?key=CANARY&sig=CANARY)";

fn respond(mut response: Response<Scripted>) -> Result<Response<Scripted>, BoxError> {
    let secret = headers(&RESPONSE_HEADERS);
    response.headers_mut().extend(secret);
    response.extensions_mut().insert(Extension("CANARY-response"));
    Ok(response)
}

const WAYS: [(Option<ErrorKind>, Answer); 11] = [
    (None, || respond(event_stream(Scripted::chunks(HELLO)))),
    (None, || respond(json(200, Scripted::chunks([WHOLE])))),
    (Some(ErrorKind::Truncated), || {
        respond(event_stream(Scripted::chunks(["data: {CANARY}\n\n"])))
    }),
    (Some(ErrorKind::Truncated), || respond(json(200, Scripted::chunks(["{\"CANARY\": CANARY"])))),
    (Some(ErrorKind::Provider), || respond(json(401, Scripted::chunks([ECHOES])))),
    (Some(ErrorKind::Provider), || respond(json(500, Scripted::chunks(["<p>CANARY</p>"])))),
    (Some(ErrorKind::Provider), || {
        respond(event_stream(Scripted::chunks([format!("event: error\ndata: {ECHOES}\n\n")])))
    }),
    (Some(ErrorKind::Transport), || Err(QUOTES.into())),
    (Some(ErrorKind::Transport), || {
        Err(Box::new(io::Error::other(io::Error::other(format!("Wrapped: {QUOTES}")))))
    }),
    (Some(ErrorKind::Transport), || {
        let mut response = json(502, Scripted::new([]));
        response.extensions_mut().insert(TransportFailure::new(QUOTES));
        respond(response)
    }),
    (Some(ErrorKind::Panic), || {
        respond(event_stream(Scripted::new([data(HELLO[1]), Step::Panic])))
    }),
];

#[derive(Default, Clone)]
struct Seen(Arc<Mutex<String>>);

impl Seen {
    fn note(&self, what: &str, text: &str) {
        writeln!(self.0.lock().unwrap(), "{what}: {text}").unwrap();
    }

    /// The lines with secrets in them, of which there are to be none.
    #[track_caller]
    fn is_clean(&self, of: &str) {
        let seen = self.0.lock().unwrap();
        assert!(!seen.is_empty());
        for line in seen.lines() {
            if let Some(at) = line.find("CANARY") {
                let from = line[..at].char_indices().rev().nth(100).map_or(0, |(at, _)| at);
                let to = (at + 60).min(line.len());
                panic!("{of}: {} … {}", &line[..line.len().min(30)], &line[from..to]);
            }
        }
    }
}

/// A handler that notes each form in which an event may leave.
fn noting(seen: &Seen) -> Registration {
    let seen = seen.clone();
    Registration::inline(on_event(move |run: &Run, event| {
        let record = event.record(run);
        seen.note("record", &serde_json::to_string(&record).unwrap());
        seen.note("event", &format!("{event:?} {event:#?}").replace('\n', " "));
        seen.note("run", &format!("{run:?}"));
    }))
}

async fn call(target: Target, kind: Option<ErrorKind>, answer: Answer, told: Told) {
    let seen = Seen::default();
    let told = told.with(noting(&seen));
    let layer = HttpCallbackLayer::new(told.callbacks.clone()).name("gateway");
    let inner = service_fn(move |request: Request<RequestBody<Full<Bytes>>>| {
        let shown = format!("{:?} {:?}", request.headers().get("authorization"), request.body());
        assert!(!shown.contains("CANARY"), "{shown}");
        async move {
            tokio::task::yield_now().await;
            answer()
        }
    });
    let mut service = layer.layer(inner);
    let future = service.call(request(target));
    seen.note("layer", &format!("{layer:?}"));
    seen.note("future", &format!("{future:?}"));
    if let Ok(response) = future.await {
        let mut body = response.into_body();
        seen.note("body", &format!("{body:?}"));
        let read = async {
            while let Some(frame) = body.frame().await {
                seen.note("body", &format!("{body:?}"));
                if frame.is_err() {
                    break;
                }
            }
        };
        let _panics = std::panic::AssertUnwindSafe(read).catch_unwind().await;
        drop(body);
    }
    told.ended(kind).await;
    seen.note("callbacks", &format!("{:?}", told.callbacks));
    seen.is_clean(target);
}

#[test]
fn of_calls_however_they_end() {
    http_support::quiet_panics();
    log::start();
    on_each_runtime(|| async {
        for target in TARGETS {
            for (kind, answer) in WAYS {
                println!("{kind:?} {target}");
                call(target, kind, answer, Told::new(&MODES)).await;
            }
        }
    });
    let logged = log::all();
    let leak = logged.lines().find(|line| line.contains("CANARY"));
    assert!(leak.is_none(), "{leak:?}");
}

/// Writes into what was seen.
struct Writer(Seen, &'static str);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.note(self.1, &String::from_utf8_lossy(bytes).replace('\n', " "));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the ready-made handlers write, log, count and keep.
#[test]
fn of_the_ready_made_handlers() {
    http_support::quiet_panics();
    log::start();
    let (recorder, seen) = (DebuggingRecorder::new(), Seen::default());
    let output = |what| ConsoleTarget::new(Writer(seen.clone(), what));
    metrics::with_local_recorder(&recorder, || {
        let runtime = support::Flavor::Current.runtime();
        runtime.block_on(async {
            for target in TARGETS {
                for (kind, answer) in WAYS {
                    let (trees, totals) =
                        (RunTrees::new(), UsageTotals::builder().by_model().build());
                    let (events, stream) = EventStream::builder().attach();
                    let mut told = Told::new(&[support::Mode::Inline])
                        .with(Registration::inline(TracingSpans::new()))
                        .with(Registration::inline(LlmMetrics::new()))
                        .with(Registration::inline(trees.clone()))
                        .with(Registration::inline(totals.clone()))
                        .with(Registration::blocking(
                            ConsoleLog::new(output("log")).content(100_000),
                        ))
                        .with(Registration::blocking(ConsoleTokens::new(output("tokens"))))
                        .with(Registration::blocking(PrintTrees::new(output("printed"))))
                        .with(Registration::blocking(JsonLines::new(Writer(
                            seen.clone(),
                            "lines",
                        ))));
                    told.callbacks = told.callbacks.merge(&events);
                    call(target, kind, answer, told).await;
                    for tree in trees.take() {
                        seen.note("tree", &format!("{tree} {}", json!(tree)));
                    }
                    seen.note("totals", &json!(totals.snapshot()).to_string());
                    drop(events);
                    for event in stream.collect::<Vec<_>>().await {
                        seen.note("stream", &json!(event).to_string());
                    }
                }
            }
        });
    });
    for (key, _, _, _) in recorder.snapshotter().snapshot().into_vec() {
        seen.note("metric", &key.key().to_string());
    }
    seen.is_clean("the handlers");
    for what in ["log", "tokens", "printed", "lines", "tree", "totals", "stream", "metric"] {
        let seen = seen.0.lock().unwrap();
        assert!(seen.lines().any(|line| line.starts_with(what)), "nothing of {what}");
    }
    let logged = log::all();
    assert!(logged.contains("otel.name"), "spans are logged");
    let leak = logged.lines().find(|line| line.contains("CANARY"));
    assert!(leak.is_none(), "{leak:?}");
}

/// Calls that are cut short: the start tells of a part of the request.
#[test]
fn of_requests_that_are_cut_short() {
    on_each_runtime(|| async {
        let whole = asked().to_string();
        for length in (0..whole.len()).step_by(37) {
            let (seen, told) = (Seen::default(), Told::new(&[]));
            let told = told.with(noting(&seen));
            let layer = HttpCallbackLayer::new(told.callbacks.clone()).max_request_bytes(length);
            for steps in [
                vec![data(whole[..length].to_owned()), Step::Fail],
                vec![data(whole[..length].to_owned()), Step::Hang],
                vec![data(whole[..length].to_owned()), data(whole[length..].to_owned())],
            ] {
                let inner = http_support::Upstream(|| event_stream(Scripted::new([])));
                let call = layer.layer(inner).call(http_support::post(Scripted::new(steps)));
                let _ = call.now_or_never();
            }
            seen.is_clean("a part of a request");
        }
    });
}

/// What is said to the client of an aborted call, and of a run that is configured, is the user's own.
#[test]
fn of_aborts() {
    on_each_runtime(|| async {
        let seen = Seen::default();
        let told = Told::new(&MODES).with(noting(&seen)).with(Registration::inline(on_event(
            |run: &Run, event| {
                if event.kind().is_start() {
                    run.abort(Abort::new("enough"));
                }
            },
        )));
        let layer = HttpCallbackLayer::new(told.callbacks.clone());
        let inner = http_support::Upstream(|| event_stream(Scripted::new([])));
        let mut service = layer.layer(inner);
        let call = service.call(request(TARGETS[0]));
        let response = RunConfig::new().tags(["a"]).scope(call).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        seen.note("refusal", std::str::from_utf8(&body).unwrap());
        assert!(told.callbacks.flush(PATIENCE).await.is_complete());
        seen.is_clean("an abort");
    });
}

/// Errors quote headers and members: of the service, and of the provider.
#[tokio::test]
async fn a_named_secret_in_the_text_of_an_error() {
    for message in [
        "bad header x-api-key: CANARY1",
        "Authorization: Basic CANARY1=",
        r#"request failed: {"api_key":"CANARY1"}"#,
    ] {
        let told = Told::new(&[support::Mode::Inline]);
        let layer = HttpCallbackLayer::new(told.callbacks.clone());
        let inner = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
            Err::<Response<Scripted>, _>(io::Error::other(message))
        });
        layer.layer(inner).call(http_support::prompt()).await.unwrap_err();
        let transport = told.ended(Some(ErrorKind::Transport)).await;
        let said = transport.error().unwrap().message();
        assert!(!said.contains("CANARY"), "{said}");

        let told = Told::new(&[support::Mode::Inline]);
        let layer = HttpCallbackLayer::new(told.callbacks.clone());
        let body = json!({"error": {"message": message}}).to_string();
        let answer = || json(401, Scripted::chunks([body.clone()]));
        http_support::answered(&layer, answer).await.into_body().collect().await.unwrap();
        let provider = told.ended(Some(ErrorKind::Provider)).await;
        let said = provider.error().unwrap().message();
        assert!(!said.contains("CANARY"), "{said}");
    }
}
