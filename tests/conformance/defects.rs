//! F: LangChain's defects: calls that never end, and handlers that keep events from each other.

use std::{sync::Arc, time::Duration};

use support::{
    MODES, Recorders, call, everywhere, in_each_mode, on_each_runtime, read, request, until,
};
use tokio::{sync::Semaphore, time::timeout};
use tower::{BoxError, Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer, service_fn};
use tower_llm_callbacks::{
    Aborted, Callbacks, ErrorKind,
    chat::{ChatChunk, ChatRequest},
    testing::Script,
};

/// A call that is cancelled or times out before its response ends once, as cancelled. In LangChain it never
/// ends.
#[test]
fn case_57_a_cancelled_or_timed_out_call_ends_once() {
    everywhere(|recorders| async move {
        let (inner, mut model) = recorders.model(Script::new().hang().respond());
        assert!(timeout(Duration::from_millis(10), call(&mut model)).await.is_err());
        assert_eq!(inner.live(), 0);
        recorders.ended(Some(ErrorKind::Cancelled)).await;
    });
    everywhere(|recorders| async move {
        let (inner, mut model) = recorders.model(Script::new().hang().respond());
        let task = tokio::spawn(async move { call(&mut model).await.map(drop) });
        until(|| inner.calls() == 1).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(inner.live(), 0);
        recorders.ended(Some(ErrorKind::Cancelled)).await;
    });
}

/// A call that is cancelled while it waits for a permit ends once. One that waits for readiness has not
/// started.
#[test]
fn case_58_a_call_cancelled_while_waiting_for_a_permit_ends_once() {
    // The permit is part of the call.
    everywhere(|recorders| async move {
        let permits = Arc::new(Semaphore::new(0));
        let waits = Arc::clone(&permits);
        let model = service_fn(move |_: ChatRequest| {
            let waits = Arc::clone(&waits);
            async move {
                let _permit = waits.acquire_owned().await?;
                Ok::<_, BoxError>(futures::stream::empty::<Result<ChatChunk, BoxError>>())
            }
        });
        let mut model = recorders.layer().layer(model);
        let call = model.ready().await.unwrap().call(request());
        assert!(timeout(Duration::from_millis(10), call).await.is_err());
        recorders.ended(Some(ErrorKind::Cancelled)).await;
        assert_eq!(Arc::strong_count(&permits), 2, "the call no longer waits");
    });
    // The permit is readiness: no run has started, and no handler is notified.
    everywhere(|recorders| async move {
        let (inner, model) = recorders.model(Script::answer(["a"]));
        drop(model);
        let limited = ConcurrencyLimitLayer::new(1).layer(inner.clone());
        let mut holds = limited.clone();
        let permit = holds.ready().await.unwrap().call(request());
        let mut model = recorders.layer().layer(limited);
        assert!(timeout(Duration::from_millis(10), model.ready()).await.is_err());
        recorders.nothing();
        drop(permit);
        // Readiness is not wasted once it is there.
        let stream = model.ready().await.unwrap().call(request()).await.unwrap();
        assert!(read(stream).await.1.is_none());
        recorders.ended(None).await;
    });
}

/// Every handler receives the start, next to any other. LangChain's inline handlers keep it from the rest.
#[test]
fn case_59_mixed_handlers_all_receive_the_start() {
    on_each_runtime(|| async {
        for rotation in 0..MODES.len() {
            let mut modes = MODES;
            modes.rotate_left(rotation);
            let recorders = Recorders::new(&modes);
            let (_, mut model) = recorders.model(Script::answer(["a"]));
            assert!(read(call(&mut model).await.unwrap()).await.1.is_none());
            recorders.ended(None).await;
            for (mode, recorder) in &recorders.each {
                let starts = recorder.kinds().iter().filter(|kind| kind.is_start()).count();
                assert_eq!(starts, 1, "{mode:?}");
            }
        }
    });
}

/// When an `abort_on_fault` handler fails at the start, all others that received the start receive one end.
#[test]
fn case_60_a_hard_failure_at_the_start_ends_the_run_for_the_others() {
    in_each_mode(|mode| async move {
        for first in [true, false] {
            let fails = mode.closure(|_, event| assert!(!event.kind().is_start()));
            let fails = fails.name("strict").abort_on_fault();
            let mut recorders = Recorders::new(&MODES);
            recorders.callbacks = if first {
                Callbacks::new().add(fails).merge(&recorders.callbacks)
            } else {
                recorders.callbacks.add(fails)
            };
            let (inner, mut model) = recorders.model(Script::new().respond().text("a").hang());
            let error = match call(&mut model).await {
                Ok(stream) => read(stream).await.1.unwrap(),
                Err(error) => error,
            };
            assert!(error.is::<Aborted>());
            assert!(error.to_string().contains("`strict`"), "{error}");
            assert_eq!(inner.live(), 0);
            // A fault goes to the hooks of the handler's own set.
            assert_eq!(recorders.faults.all().len(), usize::from(!first));
            recorders.faults = Default::default();
            recorders.ended(Some(ErrorKind::Aborted)).await;
        }
    });
}
