//! When a retry is emitted, and what it carries.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use support::{everywhere, in_each_mode, on_each_runtime};
use tower::{ServiceBuilder, retry::RetryLayer, timeout::TimeoutLayer};
use tower_llm_callbacks::{
    Abort, AsyncCallbackHandler, AttemptsLayer, CallbackHandler, CallbackLayer, Callbacks,
    ErrorKind, Event, EventKind, Run, RunConfig, RunLayer,
    event::Retry,
    on_event,
    scope::RunContextLayer,
    testing::{Recorder, Script, ScriptedModel},
};

use super::{Retries, ask, assert_retried, failing_twice, flushed, kinds, retries, runs};

#[test]
fn towers_retry_emits_retries() {
    everywhere(|recorders| async move {
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(5)))
            .layer(recorders.layer())
            .service(failing_twice());
        assert_eq!(ask(model).await.unwrap().len(), 4);
        flushed(&recorders).await;
        for (_, recorder) in &recorders.each {
            use EventKind::*;
            let runs = runs(recorder);
            assert_retried(&runs, &["refused", "overloaded"]);
            assert_eq!(kinds(&runs[0]), [LlmStart, LlmError]);
            assert_eq!(kinds(&runs[1]), [LlmStart, Retry, LlmError]);
            assert_eq!(kinds(&runs[2]), [LlmStart, Retry, LlmNewToken, LlmNewToken, LlmEnd]);
        }
    });
}

/// Also if calls are made in another task, to which the run is carried.
#[test]
fn retries_are_emitted_through_a_buffer() {
    everywhere(|recorders| async move {
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(5)))
            .layer(RunContextLayer::new())
            .buffer(4)
            .layer(RunContextLayer::new())
            .layer(recorders.layer())
            .service(failing_twice());
        assert_eq!(ask(model).await.unwrap().len(), 4);
        flushed(&recorders).await;
        for (_, recorder) in &recorders.each {
            assert_retried(&runs(recorder), &["refused", "overloaded"]);
        }
    });
}

/// An attempt that is dropped from above, or aborted by a handler, has failed, too.
#[tokio::test(start_paused = true)]
async fn a_dropped_attempt_is_a_failed_one() {
    let recorder = Recorder::new();
    let layer = CallbackLayer::new(Callbacks::new().inline(recorder.clone()));
    let hangs = Script::new().hang().respond();
    let model = ServiceBuilder::new()
        .layer(AttemptsLayer::new())
        .layer(RetryLayer::new(Retries(5)))
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .layer(layer)
        .service(ScriptedModel::new([hangs.clone(), hangs, Script::answer(["a"])]));
    ask(model).await.unwrap();
    let dropped = "the call was dropped before its end";
    let runs = runs(&recorder);
    assert_retried(&runs, &[dropped, dropped]);
    assert_eq!(runs[0].last().unwrap().error().unwrap().kind(), ErrorKind::Cancelled);
}

#[test]
fn an_aborted_attempt_is_a_failed_one() {
    everywhere(|recorders| async move {
        let aborts = on_event(|run: &Run, event: &Event| {
            if event.kind().is_start() && run.attempt() < 3 {
                assert!(run.abort(Abort::new("enough")));
            }
        });
        let callbacks = recorders.callbacks.clone().inline(aborts);
        let scripted = ScriptedModel::new(Script::answer(["a"]));
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(5)))
            .layer(CallbackLayer::new(callbacks))
            .service(scripted.clone());
        assert_eq!(ask(model).await.unwrap().len(), 3);
        flushed(&recorders).await;
        assert_eq!(scripted.calls(), 1);
        for (_, recorder) in &recorders.each {
            assert_retried(&runs(recorder), &["enough", "enough"]);
        }
    });
}

/// Inside a run, attempts are its children. Handlers of the request are notified of retries.
#[test]
fn attempts_inside_a_run_are_children() {
    everywhere(|recorders| async move {
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(5)))
            .layer(CallbackLayer::new(Callbacks::new()))
            .service(failing_twice());
        let root: super::Done<_> =
            Box::pin(
                async move { RunLayer::chain("root").run(async move { ask(model).await }).await },
            );
        RunConfig::new().callbacks(&recorders.callbacks).scope(root).await.unwrap();
        flushed(&recorders).await;
        for (_, recorder) in &recorders.each {
            let mut runs = runs(recorder);
            runs.sort_by_key(|run| run[0].parent_run_id.is_some());
            let root = runs.remove(0);
            assert!(runs.iter().all(|run| run[0].parent_run_id == Some(root[0].run_id)));
            assert_retried(&runs, &["refused", "overloaded"]);
            assert!(retries(&root).is_empty());
        }
    });
}

/// Implements only `on_retry`.
#[derive(Default, Clone)]
struct OnRetry(Arc<Mutex<Vec<(u32, Retry)>>>);

impl CallbackHandler for OnRetry {
    fn on_retry(&self, run: &Run, retry: &Retry) {
        self.0.lock().unwrap().push((run.attempt(), retry.clone()));
    }
}

impl AsyncCallbackHandler for OnRetry {
    async fn on_retry(&self, run: &Run, retry: &Retry) {
        self.0.lock().unwrap().push((run.attempt(), retry.clone()));
    }
}

#[test]
fn on_retry_receives_the_retries() {
    in_each_mode(|mode| async move {
        let handler = OnRetry::default();
        let callbacks = Callbacks::new().add(mode.handler(handler.clone()));
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(5)))
            .layer(CallbackLayer::new(callbacks.clone()))
            .service(failing_twice());
        ask(model).await.unwrap();
        assert!(callbacks.flush(super::PATIENCE).await.is_complete());
        let mut received = handler.0.lock().unwrap().clone();
        received.sort_by_key(|(attempt, _)| *attempt);
        let received: Vec<_> = received
            .iter()
            .map(|(attempt, retry)| (*attempt, retry.attempt, &*retry.error))
            .collect();
        assert_eq!(received, [(2, 2, "refused"), (3, 3, "overloaded")]);
    });
}

/// The retry follows the start at once, even if a handler of the start emits events.
#[test]
fn a_retry_precedes_emitted_events() {
    everywhere(|recorders| async move {
        let emits = on_event(|run: &Run, event: &Event| {
            if event.kind().is_start() {
                run.emit("started", run.attempt()).unwrap();
            }
        });
        // This handler is notified first, and emits before others receive the start.
        let callbacks = Callbacks::new().inline(emits).merge(&recorders.callbacks);
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(5)))
            .layer(CallbackLayer::new(callbacks))
            .service(failing_twice());
        ask(model).await.unwrap();
        flushed(&recorders).await;
        for (_, recorder) in &recorders.each {
            use EventKind::*;
            let runs = runs(recorder);
            assert_retried(&runs, &["refused", "overloaded"]);
            assert_eq!(kinds(&runs[0]), [LlmStart, Custom, LlmError]);
            assert_eq!(kinds(&runs[1]), [LlmStart, Retry, Custom, LlmError]);
        }
    });
}

/// The retry's record as it leaves the process.
#[test]
fn a_retrys_record_has_every_field() {
    on_each_runtime(|| async {
        let records: Arc<Mutex<Vec<serde_json::Value>>> = Arc::default();
        let keeps = Arc::clone(&records);
        let callbacks = Callbacks::new().inline(on_event(move |run, event| {
            keeps.lock().unwrap().push(serde_json::to_value(event.record(run)).unwrap());
        }));
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(5)))
            .layer(CallbackLayer::new(callbacks).name("bot"))
            .service(failing_twice());
        ask(model).await.unwrap();
        let records = records.lock().unwrap();
        let (failed, retry) = (&records[0], &records[3]);
        let mut retry = retry.clone();
        assert_eq!(retry["time"].take().as_str().unwrap().len(), 27);
        let run = retry["run_id"].take();
        assert_eq!(records[2]["run_id"], run);
        assert_eq!(
            retry,
            serde_json::json!({
                "v": 2, "event": "retry", "run_id": null, "parent_run_id": null, "root_run_id": run,
                "seq": 1, "time": null, "run_type": "llm", "name": "bot", "attempt": 2, "tags": [],
                "metadata": {},
                "data": {"attempt": 2, "error": "refused", "failed_run_id": failed["run_id"]},
            })
        );
    });
}
