//! Attempts of chains, tools and retrievers, and event masks for retries by run type.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::{StreamExt, stream};
use serde_json::json;
use support::{everywhere, in_each_mode, on_each_runtime};
use tower::{BoxError, Layer, Service, ServiceBuilder, retry::RetryLayer, service_fn};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, EventKind, EventMask, Registration, RunConfig,
    RunLayer, RunType, testing::Recorder,
};

use super::{
    Done, Retries, ask, assert_retried, failing_twice, flushed, kinds, once, retries, runs,
};

/// Calls a service that fails twice, below retries and this layer.
fn call(layer: RunLayer) -> Done<Result<u32, BoxError>> {
    let calls = Arc::new(AtomicUsize::new(0));
    let fails = service_fn(move |n: u32| {
        let calls = Arc::clone(&calls);
        async move {
            tokio::task::yield_now().await;
            match calls.fetch_add(1, Ordering::SeqCst) {
                0 => Err(BoxError::from("refused")),
                1 => Err(BoxError::from("overloaded")),
                _ => Ok(n),
            }
        }
    });
    let service = ServiceBuilder::new()
        .layer(AttemptsLayer::new())
        .layer(RetryLayer::new(Retries(5)))
        .layer(layer.input(|n: &u32| json!(*n)).output(|n: &u32| json!(*n)))
        .service(fails);
    once(service, 7)
}

/// The same, but called at the first poll.
fn lazy(layer: RunLayer) -> Done<Result<u32, BoxError>> {
    Box::pin(async move { call(layer).await })
}

#[test]
fn every_run_type_has_retries() {
    everywhere(|recorders| async move {
        use EventKind::*;
        let layers = [
            (
                RunLayer::chain("c"),
                EventKind::RunStart(RunType::Chain),
                EventKind::RunError(RunType::Chain),
                EventKind::RunEnd(RunType::Chain),
            ),
            (
                RunLayer::tool("t"),
                EventKind::RunStart(RunType::Tool),
                EventKind::RunError(RunType::Tool),
                EventKind::RunEnd(RunType::Tool),
            ),
            (
                RunLayer::retriever("r"),
                EventKind::RunStart(RunType::Retriever),
                EventKind::RunError(RunType::Retriever),
                EventKind::RunEnd(RunType::Retriever),
            ),
        ];
        for (layer, start, error, end) in layers {
            let layer = layer.callbacks(&recorders.callbacks);
            assert_eq!(call(layer).await.unwrap(), 7);
            flushed(&recorders).await;
            for (_, recorder) in &recorders.each {
                let runs = runs(recorder);
                let runs = &runs[runs.len() - 3..];
                assert_retried(runs, &["refused", "overloaded"]);
                assert_eq!(kinds(&runs[0]), [start, error]);
                assert_eq!(kinds(&runs[1]), [start, Retry, error]);
                assert_eq!(kinds(&runs[2]), [start, Retry, end]);
            }
        }
    });
}

/// A stream that breaks, and is requested again.
#[test]
fn a_broken_stream_is_retried() {
    everywhere(|recorders| async move {
        let calls = Arc::new(AtomicUsize::new(0));
        let words = service_fn(move |()| {
            let first = calls.fetch_add(1, Ordering::SeqCst) == 0;
            let items = if first {
                vec![Ok("wrong"), Err(BoxError::from("broken"))]
            } else {
                vec![Ok("right")]
            };
            std::future::ready(Ok::<_, BoxError>(stream::iter(items)))
        });
        let words =
            RunLayer::retriever("words").callbacks(&recorders.callbacks).streaming().layer(words);
        let until_whole = service_fn(move |()| {
            let mut words = words.clone();
            async move {
                loop {
                    let all: Vec<_> = words.call(()).await?.collect().await;
                    if let Ok(all) = all.into_iter().collect::<Result<Vec<_>, _>>() {
                        return Ok::<_, BoxError>(all);
                    }
                }
            }
        });
        let call = once(AttemptsLayer::new().layer(until_whole), ());
        assert_eq!(call.await.unwrap(), ["right"]);
        flushed(&recorders).await;
        for (_, recorder) in &recorders.each {
            assert_retried(&runs(recorder), &["broken"]);
        }
    });
}

/// A future's run counts as an attempt of the call. Runs inside it do not.
#[test]
fn a_futures_run_is_an_attempt() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().inline(recorder.clone());
        let work = service_fn(move |()| {
            let step = RunLayer::chain("step").callbacks(&callbacks);
            async move {
                let first: Done<Result<(), BoxError>> = {
                    let step = step.clone();
                    Box::pin(async move { step.run(async { Err("broken") }).await })
                };
                assert!(first.await.is_err());
                let second: Done<Result<u32, BoxError>> =
                    Box::pin(async move { step.run(lazy(RunLayer::tool("inner"))).await });
                second.await
            }
        });
        let call = once(AttemptsLayer::new().layer(work), ());
        assert_eq!(call.await.unwrap(), 7);
        assert_retried(&runs(&recorder), &["broken"]);
    });
}

const TYPES: [RunType; 4] = [RunType::Llm, RunType::Chain, RunType::Tool, RunType::Retriever];

/// Masks select retries by run type. A handler may receive only the retries of a run.
#[test]
fn event_masks_select_retries_by_run_type() {
    in_each_mode(|mode| async move {
        let mut handlers = Vec::new();
        let mut callbacks = Callbacks::new();
        let masks = TYPES.map(|run_type| EventMask::RETRY & EventMask::of_runs(run_type));
        let all = [EventMask::RETRY, EventMask::NONE, EventMask::ALL - EventMask::RETRY];
        for mask in masks.into_iter().chain(all) {
            let recorder = Recorder::new();
            let handler: Registration = mode.handler(recorder.clone()).event_mask(mask);
            callbacks = callbacks.add(handler);
            handlers.push(recorder);
        }
        let model = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RetryLayer::new(Retries(5)))
            .layer(CallbackLayer::new(Callbacks::new()))
            .service(failing_twice());
        let config = || RunConfig::new().callbacks(&callbacks);
        config().scope(ask(model)).await.unwrap();
        let layers = [RunLayer::chain("c"), RunLayer::tool("t"), RunLayer::retriever("r")];
        for layer in layers {
            config().scope(lazy(layer)).await.unwrap();
        }
        assert!(callbacks.flush(super::PATIENCE).await.is_complete());
        for (recorder, run_type) in handlers.iter().zip(TYPES) {
            let events = recorder.events();
            assert_eq!(recorder.kinds(), [EventKind::Retry; 2], "{run_type}");
            assert!(events.iter().all(|event| event.run_type == run_type && event.seq == 1));
        }
        assert_eq!(handlers[4].kinds(), [EventKind::Retry; 8]);
        assert_eq!(handlers[5].kinds(), []);
        assert_eq!(runs(&handlers[6]).len(), 12);
        assert!(runs(&handlers[6]).iter().all(|run| retries(run).is_empty()));
        // Retries that are masked out leave a gap in the numbers.
        assert!(runs(&handlers[6]).iter().any(|run| run[0].seq == 0 && run[1].seq == 2));
    });
}
