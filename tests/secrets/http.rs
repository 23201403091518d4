//! Promise 10 over HTTP: a secret in any place of a request or an answer reaches no event, debug output, log
//! or error text.

use std::{
    fmt::Write,
    io,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use metrics_util::debugging::DebuggingRecorder;
use serde_json::json;
use support::http::{Scripted, Step, data, event_stream, json};
use support::{MODES, PATIENCE, Recorders, on_each_runtime};
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{
    Abort, ErrorKind, HttpCallbackLayer, Registration, Run, RunConfig,
    handlers::{
        ConsoleLog, ConsoleTarget, ConsoleTokens, EventStream, JsonLines, LlmMetrics, PrintTrees,
        RunTrees, TracingSpans, UsageTotals,
    },
    http_layer::RequestBody,
    on_event,
};

use crate::calls::{Answer, TARGETS, Target, WAYS, body, request};

#[derive(Default, Clone)]
struct Seen(Arc<Mutex<String>>);

impl Seen {
    fn note(&self, what: &str, text: &str) {
        writeln!(self.0.lock().unwrap(), "{what}: {text}").unwrap();
    }

    /// Asserts that no line has a secret.
    #[track_caller]
    fn assert_clean(&self, of: &str) {
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

/// A handler that notes each form in which an event can leave the process.
fn noting(seen: &Seen) -> Registration {
    let seen = seen.clone();
    Registration::inline(on_event(move |run: &Run, event| {
        let record = event.record(run);
        seen.note("record", &serde_json::to_string(&record).unwrap());
        seen.note("event", &format!("{event:?} {event:#?}").replace('\n', " "));
        seen.note("run", &format!("{run:?}"));
    }))
}

async fn call(target: Target, kind: Option<ErrorKind>, answer: Answer, recorders: Recorders) {
    let seen = Seen::default();
    let recorders = recorders.with(noting(&seen));
    let layer = HttpCallbackLayer::new(recorders.callbacks.clone()).name("gateway");
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
    recorders.ended(kind).await;
    seen.note("callbacks", &format!("{:?}", recorders.callbacks));
    seen.assert_clean(target);
}

#[test]
fn secrets_of_calls_do_not_leak_however_they_end() {
    support::quiet_panics();
    support::log::start();
    on_each_runtime(|| async {
        for target in TARGETS {
            for (kind, answer) in WAYS {
                println!("{kind:?} {target}");
                call(target, kind, answer, Recorders::new(&MODES)).await;
            }
        }
    });
    let logged = support::log::all();
    let leak = logged.lines().find(|line| line.contains("CANARY"));
    assert!(leak.is_none(), "{leak:?}");
}

/// Writes to [`Seen`], with a label.
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

/// What the ready-made handlers write, log, count and store.
#[test]
fn secrets_do_not_leak_through_ready_made_handlers() {
    support::quiet_panics();
    support::log::start();
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
                    let mut recorders = Recorders::new(&[support::Mode::Inline])
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
                    recorders.callbacks = recorders.callbacks.merge(&events);
                    call(target, kind, answer, recorders).await;
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
    seen.assert_clean("the handlers");
    for what in ["log", "tokens", "printed", "lines", "tree", "totals", "stream", "metric"] {
        let seen = seen.0.lock().unwrap();
        assert!(seen.lines().any(|line| line.starts_with(what)), "no lines of {what}");
    }
    let logged = support::log::all();
    assert!(logged.contains("otel.name"), "spans are not logged");
    let leak = logged.lines().find(|line| line.contains("CANARY"));
    assert!(leak.is_none(), "{leak:?}");
}

/// Truncated requests: the start has a part of the request.
#[test]
fn secrets_of_truncated_requests_do_not_leak() {
    on_each_runtime(|| async {
        let whole = body().to_string();
        for length in (0..whole.len()).step_by(37) {
            let (seen, recorders) = (Seen::default(), Recorders::new(&[]));
            let recorders = recorders.with(noting(&seen));
            let layer =
                HttpCallbackLayer::new(recorders.callbacks.clone()).max_request_bytes(length);
            for steps in [
                vec![data(whole[..length].to_owned()), Step::Fail],
                vec![data(whole[..length].to_owned()), Step::Hang],
                vec![data(whole[..length].to_owned()), data(whole[length..].to_owned())],
            ] {
                let inner = support::http::Upstream(|| event_stream(Scripted::new([])));
                let call = layer.layer(inner).call(support::http::post(Scripted::new(steps)));
                let _ = call.now_or_never();
            }
            seen.assert_clean("a part of a request");
        }
    });
}

/// The response to an aborted call, and a configured run, contain only the user's own text.
#[test]
fn secrets_do_not_leak_through_aborts() {
    on_each_runtime(|| async {
        let seen = Seen::default();
        let recorders = Recorders::new(&MODES).with(noting(&seen)).with(Registration::inline(
            on_event(|run: &Run, event| {
                if event.kind().is_start() {
                    run.abort(Abort::new("enough"));
                }
            }),
        ));
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let inner = support::http::Upstream(|| event_stream(Scripted::new([])));
        let mut service = layer.layer(inner);
        let call = service.call(request(TARGETS[0]));
        let response = RunConfig::new().tags(["a"]).scope(call).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        seen.note("refusal", std::str::from_utf8(&body).unwrap());
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        seen.assert_clean("an abort");
    });
}

/// Errors of services and providers quote headers and JSON members.
#[tokio::test]
async fn secrets_quoted_in_errors_do_not_leak() {
    for message in [
        "bad header x-api-key: CANARY1",
        "Authorization: Basic CANARY1=",
        r#"request failed: {"api_key":"CANARY1"}"#,
    ] {
        let recorders = Recorders::new(&[support::Mode::Inline]);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let inner = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
            Err::<Response<Scripted>, _>(io::Error::other(message))
        });
        layer.layer(inner).call(support::http::prompt()).await.unwrap_err();
        let transport = recorders.ended(Some(ErrorKind::Transport)).await;
        let message_text = transport.error().unwrap().message();
        assert!(!message_text.contains("CANARY"), "{message_text}");

        let recorders = Recorders::new(&[support::Mode::Inline]);
        let layer = HttpCallbackLayer::new(recorders.callbacks.clone());
        let body = json!({"error": {"message": message}}).to_string();
        let answer = || json(401, Scripted::chunks([body.clone()]));
        support::http::answered(&layer, answer).await.into_body().collect().await.unwrap();
        let provider = recorders.ended(Some(ErrorKind::Provider)).await;
        let message_text = provider.error().unwrap().message();
        assert!(!message_text.contains("CANARY"), "{message_text}");
    }
}
