//! What is told of inputs and outputs: nothing that was not asked for, and no secrets.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    Callbacks, ContentCapture, EventData, EventKind, EventMask, Registration, RunLayer,
    testing::Recorder,
};

async fn told(layer: RunLayer, content: ContentCapture) -> (Option<Value>, Option<Value>) {
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
async fn secrets_are_covered_and_content_is_as_set() {
    let layer = || RunLayer::retriever("search");
    let full = Some(json!({"query": "long text", "api_key": "[redacted]"}));
    assert_eq!(told(layer(), ContentCapture::Full).await, (full.clone(), full));
    let short = Some(json!({"query": "long", "api_key": "[red"}));
    assert_eq!(told(layer(), ContentCapture::Limited(4)).await, (short.clone(), short));
    assert_eq!(told(layer(), ContentCapture::Off).await, (None, None));
}

#[tokio::test]
async fn nothing_is_told_by_default() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone());
    let echo = service_fn(|request: &'static str| async move { Ok::<_, BoxError>(request) });
    let service = RunLayer::chain("echo").callbacks(&callbacks).layer(echo);
    service.oneshot("canary").await.unwrap();
    assert!(!format!("{:?}", recorder.events()).contains("canary"));
}

/// Nobody hears of the event: what it would tell is not built.
#[tokio::test]
async fn descriptions_are_asked_for_where_somebody_hears() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = |by: usize| {
        let asked = Arc::clone(&asked);
        move || asked.fetch_add(by, Ordering::SeqCst)
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
            .callbacks(&Callbacks::new().add(handler))
            .input(move |_: &i32| input())
            .output(move |_: &i32| output())
            .layer(echo);
        asked.store(0, Ordering::SeqCst);
        service.oneshot(1).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), expected, "{event_mask:?}");
    }
}

/// Errors quote anything: with content off they say no more than how the call failed.
#[tokio::test]
async fn errors_without_content() {
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().inline(recorder.clone());
    let fails = service_fn(|(): ()| async { Err::<(), BoxError>("canary is no city".into()) });
    let service =
        RunLayer::tool("weather").callbacks(&callbacks).content(ContentCapture::Off).layer(fails);
    service.oneshot(()).await.unwrap_err();
    assert!(!format!("{:?}", recorder.events()).contains("canary"));
}
