//! When no retry is emitted.

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use support::{everywhere, on_each_runtime, request};
use tower::{BoxError, Layer, Service, ServiceBuilder, retry::RetryLayer, service_fn};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, EventKind, InCurrentRun, RunLayer,
    chat::ChatRequest,
    testing::{Recorder, Script, ScriptedModel},
};

use super::{Retries, ask, assert_retried, failing_twice, flushed, retries, runs};

fn layer(recorder: &Recorder) -> CallbackLayer {
    CallbackLayer::new(Callbacks::new().inline(recorder.clone()))
}

/// No retry for a call that needs no second attempt, and none in the next call.
#[test]
fn each_call_starts_at_attempt_1() {
    everywhere(|recorders| async move {
        let scripted = failing_twice();
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(5)))
            .layer(recorders.layer())
            .service(scripted.clone());
        for _ in 0..3 {
            ask(model.clone()).await.unwrap();
        }
        flushed(&recorders).await;
        assert_eq!(scripted.calls(), 5);
        for (_, recorder) in &recorders.each {
            let runs = runs(recorder);
            assert_retried(&runs[..3], &["refused", "overloaded"]);
            for run in &runs[3..] {
                assert_eq!((run[0].attempt, retries(run).len()), (1, 0));
            }
        }
    });
}

/// A call that fails for good does not affect the next one.
#[test]
fn a_failed_call_does_not_affect_the_next_one() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let fails = Script::new().fail("refused").respond();
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(1)))
            .layer(layer(&recorder))
            .service(ScriptedModel::new(fails));
        for _ in 0..2 {
            ask(model.clone()).await.unwrap_err();
        }
        let runs = runs(&recorder);
        assert_eq!(runs.len(), 4);
        assert_retried(&runs[..2], &["refused"]);
        assert_retried(&runs[2..], &["refused"]);
    });
}

/// Without the layer, each run is a first attempt.
#[test]
fn without_the_layer_there_are_no_retries() {
    everywhere(|recorders| async move {
        let model = ServiceBuilder::new()
            .layer(RetryLayer::new(Retries(5)))
            .layer(recorders.layer())
            .service(failing_twice());
        ask(model).await.unwrap();
        flushed(&recorders).await;
        for (_, recorder) in &recorders.each {
            let runs = runs(recorder);
            assert_eq!(runs.len(), 3);
            assert!(runs.iter().all(|run| run[0].attempt == 1 && retries(run).is_empty()));
        }
    });
}

/// A run after a success is counted as an attempt, but is no retry.
#[test]
fn a_run_after_a_success_is_no_retry() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let scripts = [Script::answer(["a"]), Script::new().fail("refused").respond()];
        let [good, bad] = scripts.map(|script| layer(&recorder).layer(ScriptedModel::new(script)));
        let agent = service_fn(move |_: ChatRequest| {
            let (good, bad) = (good.clone(), bad.clone());
            async move {
                ask(good.clone()).await?;
                ask(good.clone()).await?;
                ask(bad).await.unwrap_err();
                ask(good.clone()).await?;
                let answer = ask(good).await?;
                Ok::<_, BoxError>(stream::iter(answer).map(Ok::<_, BoxError>).boxed())
            }
        });
        ask(AttemptsLayer::new().layer(agent)).await.unwrap();
        let runs = runs(&recorder);
        let seen: Vec<_> = runs.iter().map(|run| (run[0].attempt, retries(run).len())).collect();
        assert_eq!(seen, [(1, 0), (2, 0), (3, 0), (4, 1), (5, 0)]);
    });
}

/// Runs inside an attempt are not attempts of the call, and their failures not failures of the call.
#[test]
fn runs_inside_an_attempt_are_not_attempts() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let inner = layer(&recorder).name("inner").layer(failing_twice());
        let calls = service_fn(move |()| {
            let inner = inner.clone();
            async move {
                let first: BoxFuture<'_, _> = ask(inner.clone()).boxed();
                let spawned = tokio::spawn(ask(inner.clone()).in_current_run());
                let ends = (first.await.is_err(), spawned.await.unwrap().is_err());
                ask(inner).await?;
                Ok::<_, BoxError>(ends)
            }
        });
        let outer = RunLayer::chain("outer").callbacks(Callbacks::new().inline(recorder.clone()));
        let mut service = AttemptsLayer::new().layer(outer.layer(calls));
        assert_eq!(service.call(()).await.unwrap(), (true, true));
        let runs = runs(&recorder);
        assert_eq!(runs.len(), 4);
        assert!(runs.iter().all(|run| run[0].attempt == 1 && retries(run).is_empty()));
    });
}

/// With nested layers, the inner one counts.
#[test]
fn the_inner_of_nested_layers_counts() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(1)))
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(1)))
            .layer(layer(&recorder))
            .service(failing_twice());
        ask(model).await.unwrap();
        let attempts: Vec<_> = runs(&recorder).iter().map(|run| run[0].attempt).collect();
        assert_eq!(attempts, [1, 2, 1]);
        let seen: Vec<_> = runs(&recorder).iter().map(|run| retries(run).len()).collect();
        assert_eq!(seen, [0, 1, 0]);
    });
}

/// An unobserved attempt does not count.
#[test]
fn an_unobserved_attempt_does_not_count() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let unobserved = CallbackLayer::new(Callbacks::new());
        let mut fails =
            unobserved.layer(ScriptedModel::new(Script::new().fail("refused").respond()));
        let second = layer(&recorder).layer(ScriptedModel::new(Script::answer(["a"])));
        let fallback = service_fn(move |_: ChatRequest| {
            let (first, second) = (fails.call(request()), second.clone());
            async move {
                assert!(first.await.is_err());
                let answer = ask(second).await?;
                Ok::<_, BoxError>(stream::iter(answer).map(Ok::<_, BoxError>).boxed())
            }
        });
        ask(AttemptsLayer::new().layer(fallback)).await.unwrap();
        let runs = runs(&recorder);
        assert_eq!((runs.len(), runs[0][0].attempt), (1, 1));
        assert_eq!(runs[0][1].kind(), EventKind::LlmNewToken);
    });
}
