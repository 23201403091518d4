//! When nothing is told.

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

/// Neither for a call that needs no second attempt, nor in the next call.
#[test]
fn each_call_counts_anew() {
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

/// A call that has failed for good has no part in the next one.
#[test]
fn a_call_that_fails_for_good() {
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

/// Without the layer each run is the first attempt of its own.
#[test]
fn nobody_counts() {
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

/// Several runs of one call of which none has failed before the next: they are counted, that is all.
#[test]
fn after_a_success() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let scripts = [Script::answer(["a"]), Script::new().fail("refused").respond()];
        let [good, bad] = scripts.map(|script| layer(&recorder).layer(ScriptedModel::new(script)));
        let asks = service_fn(move |_: ChatRequest| {
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
        ask(AttemptsLayer::new().layer(asks)).await.unwrap();
        let runs = runs(&recorder);
        let seen: Vec<_> = runs.iter().map(|run| (run[0].attempt, retries(run).len())).collect();
        assert_eq!(seen, [(1, 0), (2, 0), (3, 0), (4, 1), (5, 0)]);
    });
}

/// The runs inside of an attempt are no attempts, and their failures none of the call's.
#[test]
fn runs_inside_of_an_attempt() {
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
        let outer = RunLayer::chain("outer").callbacks(&Callbacks::new().inline(recorder.clone()));
        let mut service = AttemptsLayer::new().layer(outer.layer(calls));
        assert_eq!(service.call(()).await.unwrap(), (true, true));
        let runs = runs(&recorder);
        assert_eq!(runs.len(), 4);
        assert!(runs.iter().all(|run| run[0].attempt == 1 && retries(run).is_empty()));
    });
}

/// Two layers of counting: the inner one counts.
#[test]
fn layers_inside_of_one_another() {
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

/// An attempt of which nobody is told is none.
#[test]
fn attempts_that_are_no_runs() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let untold = CallbackLayer::new(Callbacks::new());
        let mut fails = untold.layer(ScriptedModel::new(Script::new().fail("refused").respond()));
        let second = layer(&recorder).layer(ScriptedModel::new(Script::answer(["a"])));
        let falls_back = service_fn(move |_: ChatRequest| {
            let (first, second) = (fails.call(request()), second.clone());
            async move {
                assert!(first.await.is_err());
                let answer = ask(second).await?;
                Ok::<_, BoxError>(stream::iter(answer).map(Ok::<_, BoxError>).boxed())
            }
        });
        ask(AttemptsLayer::new().layer(falls_back)).await.unwrap();
        let runs = runs(&recorder);
        assert_eq!((runs.len(), runs[0][0].attempt), (1, 1));
        assert_eq!(runs[0][1].kind(), EventKind::LlmNewToken);
    });
}
