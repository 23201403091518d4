//! When and what is told.

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
fn over_towers_retry() {
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

/// Also where the calls are made in a task of their own, if the run is carried there.
#[test]
fn over_a_buffer() {
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

/// An attempt that is cut short from above, or by a handler, has failed, too.
#[tokio::test(start_paused = true)]
async fn attempts_that_are_dropped() {
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
fn attempts_that_are_aborted() {
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

/// Retries are children where there is a run around, and whoever is told at request time hears of them.
#[test]
fn inside_of_a_run() {
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

/// A handler that has but the one method.
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
fn by_a_method_of_its_own() {
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
        let mut heard = handler.0.lock().unwrap().clone();
        heard.sort_by_key(|(attempt, _)| *attempt);
        let heard: Vec<_> =
            heard.iter().map(|(attempt, retry)| (*attempt, retry.attempt, &*retry.error)).collect();
        assert_eq!(heard, [(2, 2, "refused"), (3, 3, "overloaded")]);
    });
}

/// Whatever handlers of the start emit: the retry comes right after it.
#[test]
fn before_anything_that_is_emitted() {
    everywhere(|recorders| async move {
        let emits = on_event(|run: &Run, event: &Event| {
            if event.kind().is_start() {
                run.emit("started", run.attempt()).unwrap();
            }
        });
        // It is told first, and emits before others have heard of the start.
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

/// A record as it leaves the process.
#[test]
fn its_record() {
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
                "v": 1, "event": "retry", "run_id": null, "parent_run_id": null, "trace_id": run,
                "seq": 1, "time": null, "run_type": "llm", "name": "bot", "attempt": 2, "tags": [],
                "metadata": {},
                "data": {"attempt": 2, "error": "refused", "failed_run_id": failed["run_id"]},
            })
        );
    });
}
