//! Inputs and outputs of runs: not captured by default, and without secrets.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Callbacks, ContentCapture, EventData, EventKind, EventMask, Registration, RunLayer, RunType,
    testing::Recorder,
};

async fn captured(layer: RunLayer, content: ContentCapture) -> (Option<Value>, Option<Value>) {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone());
    let echo = service_fn(|request: Value| async move { Ok::<_, BoxError>(request) });
    let service = layer
        .callbacks(&callbacks)
        .content(content)
        .input(|request: &Value| request.clone())
        .output(|response: &Value| response.clone())
        .layer(echo);
    service.oneshot(json!({"query": "long text", "api_key": "canary"})).await.unwrap();
    let events = recorder.events();
    match (&events[0].data, &events[1].data) {
        (
            EventData::RunStart(RunType::Retriever, input),
            EventData::RunEnd(RunType::Retriever, output),
        ) => (input.input.clone(), output.output.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn secrets_are_redacted_and_content_follows_the_setting() {
    let layer = || RunLayer::retriever("search");
    let full = Some(json!({"query": "long text", "api_key": "[redacted]"}));
    assert_eq!(captured(layer(), ContentCapture::Full).await, (full.clone(), full));
    let short = Some(json!({"query": "long", "api_key": "[red"}));
    assert_eq!(captured(layer(), ContentCapture::Limited(4)).await, (short.clone(), short));
    assert_eq!(captured(layer(), ContentCapture::Off).await, (None, None));
}

#[tokio::test]
async fn nothing_is_captured_by_default() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone());
    let echo = service_fn(|request: &'static str| async move { Ok::<_, BoxError>(request) });
    let service = RunLayer::chain("echo").callbacks(&callbacks).layer(echo);
    service.oneshot("canary").await.unwrap();
    assert!(!format!("{:?}", recorder.events()).contains("canary"));
}

/// If no handler wants an event, its content is not built.
#[tokio::test]
async fn content_is_built_only_for_interested_handlers() {
    let built = Arc::new(AtomicUsize::new(0));
    let count = |by: usize| {
        let built = Arc::clone(&built);
        move || built.fetch_add(by, Ordering::SeqCst)
    };
    let of = |kind| EventMask::of(kind) | EventMask::CUSTOM;
    for (event_mask, expected) in [
        (EventMask::ALL, 11),
        (of(EventKind::RunStart(RunType::Chain)), 1),
        (of(EventKind::RunEnd(RunType::Chain)), 10),
        (of(EventKind::LlmStart), 0),
    ] {
        let handler = Registration::inline(Recorder::new()).event_mask(event_mask);
        let (input, output) = (count(1), count(10));
        let echo = service_fn(|request: i32| async move { Ok::<_, BoxError>(request) });
        let service = RunLayer::chain("echo")
            .callbacks(Callbacks::new().add(handler))
            .input(move |_: &i32| input())
            .output(move |_: &i32| output())
            .layer(echo);
        built.store(0, Ordering::SeqCst);
        service.oneshot(1).await.unwrap();
        assert_eq!(built.load(Ordering::SeqCst), expected, "{event_mask:?}");
    }
}

/// Errors may quote content: with content off they only report how the call failed.
#[tokio::test]
async fn an_error_without_content_quotes_nothing() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone());
    let fails = service_fn(|(): ()| async { Err::<(), BoxError>("canary is no city".into()) });
    let service =
        RunLayer::tool("weather").callbacks(&callbacks).content(ContentCapture::Off).layer(fails);
    service.oneshot(()).await.unwrap_err();
    assert!(!format!("{:?}", recorder.events()).contains("canary"));
}
