//! What the handlers hold: no state of ended runs, and a bounded number of open ones.

use std::sync::Arc;

use opentelemetry::trace::Status;
use support::Faults;
use support::otel::{Otel, With};
use tower::{Layer, Service, ServiceExt};
use tower_llm_callbacks::{
    CallbackHandler, CallbackLayer, Callbacks, Event, FaultKind, Run,
    chat::ChatRequest,
    handlers::OtelSpans,
    testing::{Script, ScriptedModel},
};

async fn opened(otel: &Otel) -> impl Sized {
    let script = Script::new().respond().text("a").text("b").hang();
    let mut model = CallbackLayer::new(otel.callbacks()).layer(ScriptedModel::new(script));
    let request = ChatRequest::new("gpt-4o").user("Hi");
    let mut answer = model.ready().await.unwrap().call(request).await.unwrap();
    futures::StreamExt::next(&mut answer).await;
    answer
}

#[tokio::test]
async fn cancelled_runs_leave_no_state() {
    let otel = Otel::new();
    for _ in 0..1_000 {
        drop(opened(&otel).await);
    }
    assert_eq!((otel.spans.open_runs(), otel.metrics.open_runs()), (0, 0));
    assert_eq!(otel.ended().len(), 1_000);
    assert_eq!(otel.spans.given_up(), 0);
    let duration = &otel.measured()["gen_ai.client.operation.duration"];
    assert_eq!(duration.point().count, 1_000);
}

/// Beyond the bound, the oldest spans are ended.
#[tokio::test]
async fn the_number_of_open_runs_is_bounded() {
    let otel = Otel::with(With { max_runs: Some(64), ..With::default() });
    let mut answers = Vec::new();
    for _ in 0..500 {
        answers.push(opened(&otel).await);
        assert!(otel.spans.open_runs() <= 64);
    }
    let given_up = otel.spans.given_up();
    assert_eq!(given_up as usize, 500 - otel.spans.open_runs());
    let ended = otel.ended();
    assert_eq!(ended.len() as u64, given_up);
    for span in &ended {
        assert_eq!(span.attributes["error.type"], "_OTHER");
        assert!(matches!(span.status, Status::Error { .. }));
    }
    drop(answers);
    assert_eq!(otel.ended().len(), 500, "each run has one span");
    assert_eq!(otel.spans.open_runs(), 0);
}

/// A detached handler receives no more ends.
#[tokio::test]
async fn a_detached_handler_does_not_grow() {
    struct Panics(OtelSpans);
    impl CallbackHandler for Panics {
        fn on_event(&self, run: &Run, event: &Event) {
            self.0.on_event(run, event);
            assert!(!event.kind().is_start(), "scripted: the handler panics");
        }
    }
    support::http::quiet_panics();
    let otel = Otel::with(With { max_runs: Some(32), ..With::default() });
    let faults = Faults::default();
    let handler = Arc::new(Panics(otel.spans.clone()));
    let callbacks = Callbacks::new().on_fault(faults.hook()).inline(handler);
    let layer = CallbackLayer::new(callbacks);
    for _ in 0..200 {
        let mut model = layer.layer(ScriptedModel::new(Script::answer(["Hi"])));
        let request = ChatRequest::new("gpt-4o").user("Hi");
        let answer = model.ready().await.unwrap().call(request).await.unwrap();
        support::read(answer).await;
    }
    assert!(faults.all().iter().all(|fault| fault.kind == FaultKind::Panicked));
    assert_eq!(faults.all().len(), 200);
    assert!(otel.spans.open_runs() <= 32);
}

/// Clones are one handler, so a run has one span.
#[tokio::test]
async fn clones_are_one_handler() {
    let otel = Otel::new();
    let callbacks = otel.callbacks().inline(otel.spans.clone()).inline(Arc::new(otel.metrics));
    assert_eq!(callbacks.len(), 2);
}

/// Concurrent calls on several threads: each has its own span and measurement.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_calls_have_their_own_spans() {
    let otel = Arc::new(Otel::new());
    let tasks = (0..200).map(|_| {
        let otel = Arc::clone(&otel);
        tokio::spawn(async move {
            let script = Script::answer(["a", "b", "c"]);
            let mut model = CallbackLayer::new(otel.callbacks()).layer(ScriptedModel::new(script));
            let request = ChatRequest::new("gpt-4o").user("Hi");
            support::read(model.ready().await.unwrap().call(request).await.unwrap()).await;
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(otel.ended().len(), 200);
    let measured = otel.measured();
    assert_eq!(measured["gen_ai.client.operation.duration"].point().count, 200);
    assert_eq!(measured["gen_ai.client.operation.time_per_output_chunk"].point().count, 400);
    assert_eq!((otel.spans.open_runs(), otel.metrics.open_runs()), (0, 0));
}
