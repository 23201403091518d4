//! Calls of models that are no language models, in a format of a user.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use support::http::{Scripted, Step, Upstream, data, json as answer};
use support::{MODES, Recorders, on_each_runtime};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    CallbackHandler, Callbacks, ContentCapture, Delta, ErrorKind, Event, EventData, EventKind,
    EventMask, HttpCallbackLayer, LlmResult, LlmStart, Prompt, Run, RunError, RunType, Usage,
    event::EventRecord,
    handlers::{BudgetGuard, UsageTotals},
    http_layer::RequestBody,
    on_event, on_llm_new_token,
    relay::Relay,
    testing::{Recorder, assert_promises},
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse},
};

/// An API whose answers are lines: `vectors N DIMENSIONS TOKENS`, `text …`, `error …` and `done`.
#[derive(Debug, Clone, Copy)]
struct Lines(RunType);

impl Format for Lines {
    fn matches(&self, _: &Method, path: &str) -> bool {
        path == "/lines"
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        match serde_json::from_slice::<Value>(&request.body()) {
            Ok(body) if body["count_only"] == true => Call::unobserved().counted_as("lines/count"),
            _ => Call::of(self.0).metadata("said", "hello"),
        }
    }

    fn start(&self, request: &LlmHttpRequest<'_>) -> LlmStart {
        let body: Value = serde_json::from_slice(&request.body()).unwrap_or_default();
        LlmStart::new("acme", "lines")
            .model("acme-embed")
            .inputs(2)
            .messages(Prompt::json(body["input"].clone()))
    }

    fn decoder(&self, _: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(Words::default())
    }

    fn error_body(&self, _: StatusCode, message: &str) -> Vec<u8> {
        message.into()
    }
}

#[derive(Default)]
struct Words(String);

impl Decoder for Words {
    fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Delta<'_>)) {
        self.0 += std::str::from_utf8(bytes).unwrap();
        while let Some((line, rest)) = self.0.split_once('\n') {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("vectors", counts) => {
                    let counts: Vec<u64> =
                        counts.split(' ').map(|it| it.parse().unwrap()).collect();
                    each(Delta::NotStreamed);
                    each(Delta::Outputs { count: counts[0], dimensions: Some(counts[1] as u32) });
                    let mut usage = Usage::default();
                    usage.input_tokens = Some(counts[2]);
                    each(Delta::usage(usage));
                }
                ("text", text) => each(Delta::text(text)),
                ("done", _) => each(Delta::Done),
                _ => each(Delta::DecodeFault),
            }
            self.0 = rest.to_owned();
        }
    }

    fn finish(&mut self, _: &mut dyn FnMut(Delta<'_>)) {}
}

const VECTORS: &str = "vectors 2 256 9\ndone\n";

fn request(body: &str) -> Request<Full<Bytes>> {
    Request::post("/lines").body(Full::from(body.to_owned())).unwrap()
}

fn texts() -> Request<Full<Bytes>> {
    request(r#"{"input":["CANARY one","two"]}"#)
}

fn layer(callbacks: &Callbacks, run_type: RunType) -> HttpCallbackLayer {
    HttpCallbackLayer::new(callbacks.clone()).format(Lines(run_type))
}

async fn read(layer: HttpCallbackLayer, body: Scripted, status: u16) {
    let upstream = Upstream(move || answer(status, body.clone()));
    let response = layer.layer(upstream).oneshot(texts()).await.unwrap();
    let _ = response.into_body().collect().await;
}

const TYPES: [RunType; 5] =
    [RunType::Embedding, RunType::Rerank, RunType::Image, RunType::Audio, RunType::Moderation];

#[test]
fn every_call_has_a_start_and_one_end() {
    on_each_runtime(|| async {
        for run_type in TYPES {
            let recorders = Recorders::new(&MODES);
            read(layer(&recorders.callbacks, run_type), Scripted::chunks([VECTORS]), 200).await;
            assert!(recorders.callbacks.flush(support::PATIENCE).await.is_complete());
            for (mode, recorder) in &recorders.each {
                let events = recorder.events();
                assert_promises(&events);
                let kinds = recorder.kinds();
                assert_eq!(
                    kinds,
                    [EventKind::RunStart(run_type), EventKind::RunEnd(run_type)],
                    "{mode:?}"
                );
                let EventData::ModelStart(of, start) = &events[0].data else {
                    panic!("{events:?}")
                };
                assert_eq!((*of, &*start.provider, start.inputs), (run_type, "acme", Some(2)));
                let EventData::ModelEnd(of, result) = &events[1].data else { panic!("{events:?}") };
                assert_eq!(
                    (*of, result.outputs, result.dimensions),
                    (run_type, Some(2), Some(256))
                );
                assert_eq!(result.usage.as_ref().unwrap().input_tokens, Some(9));
                assert_eq!(result.usage.as_ref().unwrap().output_tokens, None);
                assert!(result.choices.is_empty());
                assert_eq!(events[0].name, run_type.as_str());
                assert_eq!(events[0].metadata["said"], "hello");
            }
        }
    });
}

#[test]
fn a_call_that_does_not_complete_ends_in_its_error() {
    on_each_runtime(|| async {
        for (body, status, kind) in [
            (Scripted::chunks(["vectors 2 256 9\n"]), 200, ErrorKind::Truncated),
            (Scripted::new([Step::Fail]), 200, ErrorKind::Transport),
            (Scripted::chunks([r#"{"error":{"message":"busy"}}"#]), 429, ErrorKind::Provider),
        ] {
            let recorders = Recorders::new(&MODES);
            read(layer(&recorders.callbacks, RunType::Rerank), body, status).await;
            assert!(recorders.callbacks.flush(support::PATIENCE).await.is_complete());
            for (_, recorder) in &recorders.each {
                let events = recorder.events();
                assert_promises(&events);
                let EventData::ModelError(RunType::Rerank, error) = &events[1].data else {
                    panic!("{events:?}")
                };
                assert_eq!(error.kind(), kind);
                assert!(error.result().is_some());
            }
        }
    });
}

#[test]
fn a_call_that_is_dropped_is_cancelled() {
    on_each_runtime(|| async {
        let recorders = Recorders::new(&MODES);
        let never = service_fn(|_: Request<_>| pending::<Result<Response<Scripted>, BoxError>>());
        let call = layer(&recorders.callbacks, RunType::Embedding).layer(never).oneshot(texts());
        let _ = tokio::time::timeout(std::time::Duration::from_millis(1), call).await;
        assert!(recorders.callbacks.flush(support::PATIENCE).await.is_complete());
        for (_, recorder) in &recorders.each {
            let events = recorder.events();
            assert_promises(&events);
            let error = events[1].error().unwrap();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
            assert!(matches!(events[1].data, EventData::ModelError(RunType::Embedding, _)));
        }
    });
}

#[tokio::test]
async fn text_that_arrives_is_tokens_of_the_run() {
    let recorder = Recorder::new();
    let texts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&texts);
    let only_tokens = on_llm_new_token(move |run, token| {
        seen.lock().unwrap().push((run.run_type(), token.text().to_owned()));
    });
    struct AudioOnly(Recorder);
    impl CallbackHandler for AudioOnly {
        fn event_mask(&self) -> EventMask {
            EventMask::AUDIO
        }
        fn on_event(&self, run: &Run, event: &Event) {
            CallbackHandler::on_event(&self.0, run, event);
        }
    }
    let audio = Recorder::new();
    let callbacks = Callbacks::new()
        .inline(recorder.clone())
        .inline(only_tokens)
        .inline(AudioOnly(audio.clone()));
    let body = Scripted::chunks(["text Hel\ntext lo\n", "done\n"]);
    read(layer(&callbacks, RunType::Audio), body.clone(), 200).await;
    read(layer(&callbacks, RunType::Image), body, 200).await;
    let events = recorder.events();
    assert_promises(&events);
    assert_eq!(events.len(), 8);
    assert_eq!(events[3].result().unwrap().text(), "Hello");
    let expected =
        [RunType::Audio, RunType::Image].map(|of| ["Hel", "lo"].map(|text| (of, text.to_owned())));
    assert_eq!(*texts.lock().unwrap(), expected.concat());
    // The mask of a type has its tokens, and no others.
    assert_eq!(audio.events().len(), 4);
}

#[tokio::test]
async fn content_that_is_off_is_not_delivered() {
    let recorder = Recorder::new();
    let layer = layer(&Callbacks::new().inline(recorder.clone()), RunType::Embedding);
    read(layer.content(ContentCapture::Off), Scripted::chunks([VECTORS]), 200).await;
    let events = recorder.events();
    let EventData::ModelStart(_, start) = &events[0].data else { panic!("{events:?}") };
    assert_eq!((start.messages.get(), start.inputs), (None, Some(2)));
    assert!(!format!("{events:?}").contains("CANARY"));
}

/// Keeps the records of all events.
fn records() -> (Callbacks, Arc<Mutex<Vec<String>>>) {
    let records = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&records);
    let callbacks = Callbacks::new().inline(on_event(move |run, event| {
        kept.lock().unwrap().push(serde_json::to_string(&event.record(run)).unwrap());
    }));
    (callbacks, records)
}

#[tokio::test]
async fn records_have_the_keys_of_their_type_and_can_be_relayed() {
    let (callbacks, records) = records();
    read(layer(&callbacks, RunType::Embedding), Scripted::chunks([VECTORS]), 200).await;
    let layer = layer(&callbacks, RunType::Moderation).content(ContentCapture::Off);
    read(layer, Scripted::chunks(["done\n"]), 200).await;
    let error = r#"{"error":{"message":"busy","code":"slow"}}"#;
    read(self::layer(&callbacks, RunType::Image), Scripted::chunks([error]), 429).await;

    let lines = records.lock().unwrap().clone();
    let values: Vec<Value> = lines.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    let names: Vec<&str> = values.iter().map(|it| it["event"].as_str().unwrap()).collect();
    let expected = [
        "embedding_start",
        "embedding_end",
        "moderation_start",
        "moderation_end",
        "image_start",
        "image_error",
    ];
    assert_eq!(names, expected);
    let start = &values[0]["data"];
    assert_eq!(values[0]["run_type"], "embedding");
    assert_eq!(start["input"], json!(["CANARY one", "two"]));
    assert_eq!((&start["inputs"], &start["model"]), (&json!(2), &json!("acme-embed")));
    assert_eq!((&start["provider"], &start["api"]), (&json!("acme"), &json!("lines")));
    assert!(start["params"].is_object() && start.get("messages").is_none());
    let end = &values[1]["data"];
    assert_eq!((&end["outputs"], &end["dimensions"]), (&json!(2), &json!(256)));
    assert_eq!(end["usage"]["input_tokens"], 9);
    assert!(end["duration_ms"].is_number() && end.get("model").is_some());
    // What is not known is null, and dimensions are left out.
    assert_eq!(values[2]["data"]["input"], Value::Null);
    assert!(values[2]["data"].as_object().unwrap().contains_key("input"));
    let end = values[3]["data"].as_object().unwrap();
    assert_eq!((end.get("outputs"), end.get("dimensions")), (Some(&Value::Null), None));
    let error = &values[5]["data"];
    assert_eq!(
        (&error["error"]["kind"], &error["error"]["status"]),
        (&json!("provider"), &json!(429))
    );
    assert_eq!(error["outputs"], Value::Null);

    // What is read back is the same, and a relay delivers it.
    let there = Recorder::new();
    let (again, relayed) = self::records();
    let relay = Relay::new(again.inline(there.clone()));
    for line in &lines {
        relay.deliver(EventRecord::from_json(line.as_bytes()).unwrap()).await;
    }
    assert_promises(&there.events());
    let relayed = relayed.lock().unwrap().clone();
    let relayed: Vec<Value> = relayed.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(relayed, values);
}

#[tokio::test]
async fn handlers_of_usage_know_the_calls() {
    let totals = UsageTotals::new();
    let guard = BudgetGuard::builder().tokens(100).build();
    let callbacks = Callbacks::new().inline(totals.clone()).inline(guard.clone());
    for _ in 0..2 {
        read(layer(&callbacks, RunType::Embedding), Scripted::chunks([VECTORS]), 200).await;
    }
    let snapshot = totals.snapshot();
    assert_eq!((snapshot.total.runs, snapshot.total.input_tokens()), (2, 18));
    let keys = guard.report().keys;
    assert_eq!(keys.iter().map(|key| key.spent_tokens).collect::<Vec<_>>(), [18]);
}

#[tokio::test]
async fn input_tokens_are_estimated_where_nothing_is_reported() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone());
    read(layer(&callbacks, RunType::Embedding), Scripted::chunks(["done\n"]), 200).await;
    let upstream = Upstream(|| answer(200, Scripted::chunks(["done\n"])));
    let tokens = request(r#"{"input":[[1,2,3],[4,5]]}"#);
    let response = layer(&callbacks, RunType::Embedding).layer(upstream).oneshot(tokens).await;
    let _ = response.unwrap().into_body().collect().await;
    let events = recorder.events();
    let usage = |at: usize| events[at].result().unwrap().usage.clone().unwrap();
    assert!((2..=8).contains(&usage(1).input_tokens.unwrap()), "{:?}", usage(1));
    assert_eq!((usage(3).input_tokens, usage(3).output_tokens), (Some(5), None));
    assert!(usage(1).source.is_estimated());
}

/// A server that returns the body of the request.
async fn echo<B>(request: Request<RequestBody<B>>) -> Result<Response<Full<Bytes>>, BoxError>
where
    B: Body,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let body = request.into_body().collect().await?.to_bytes();
    Ok(answer(200, Full::new(body)))
}

#[tokio::test]
async fn a_request_that_is_no_call_passes_and_is_counted() {
    let recorder = Recorder::new();
    let layer = layer(&Callbacks::new().inline(recorder.clone()), RunType::Embedding);
    // The body arrives at once, or later.
    let body = r#"{"count_only":true}"#;
    let parts = Scripted::new([data(&body[..5]), Step::Wait, data(&body[5..])]);
    let late = Request::post("/lines").body(parts).unwrap();
    let at_once = layer.layer(service_fn(echo)).oneshot(request(body)).await.unwrap();
    let late = layer.layer(service_fn(echo)).oneshot(late).await.unwrap();
    assert_eq!(at_once.into_body().collect().await.unwrap().to_bytes(), body);
    assert_eq!(late.into_body().collect().await.unwrap().to_bytes(), body);
    assert_eq!(recorder.events().len(), 0);
    let counted = &layer.stats().unobserved[0];
    assert_eq!((&*counted.method, &*counted.path, counted.requests), ("POST", "lines/count", 2));
}

#[tokio::test]
async fn each_type_has_methods_of_its_own() {
    #[derive(Clone, Default)]
    struct Methods(Arc<Mutex<Vec<&'static str>>>);
    impl CallbackHandler for Methods {
        fn on_embedding_start(&self, _: &Run, start: &LlmStart) {
            assert_eq!(start.inputs, Some(2));
            self.0.lock().unwrap().push("start");
        }
        fn on_embedding_end(&self, _: &Run, result: &LlmResult) {
            assert_eq!(result.outputs, Some(2));
            self.0.lock().unwrap().push("end");
        }
        fn on_embedding_error(&self, _: &Run, error: &RunError) {
            assert_eq!(error.kind(), ErrorKind::Truncated);
            self.0.lock().unwrap().push("error");
        }
        fn on_llm_start(&self, _: &Run, _: &LlmStart) {
            self.0.lock().unwrap().push("llm");
        }
    }
    let methods = Methods::default();
    let callbacks = Callbacks::new().inline(Arc::new(methods.clone()));
    read(layer(&callbacks, RunType::Embedding), Scripted::chunks([VECTORS]), 200).await;
    read(layer(&callbacks, RunType::Embedding), Scripted::chunks(["vectors 2 256 9\n"]), 200).await;
    read(layer(&callbacks, RunType::Rerank), Scripted::chunks([VECTORS]), 200).await;
    assert_eq!(*methods.0.lock().unwrap(), ["start", "end", "start", "error"]);
}
