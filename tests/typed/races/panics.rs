//! User code that panics at unexpected places.

use std::{
    panic::{AssertUnwindSafe, panic_any},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use futures::{FutureExt, StreamExt, stream};
use support::{Faults, Flavor, MODES, Recorders, call, read, request, until};
use tokio::time::timeout;
use tower::{BoxError, Layer, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delta, ErrorKind, Event, EventKind, FaultKind, LlmChunk,
    Registration, Run, RunError,
    chat::ChatRequest,
    on_event, on_event_async,
    testing::{Recorder, Script, ScriptedModel},
};

/// A chunk that panics after its first token.
struct Faulty;

impl LlmChunk for Faulty {
    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
        each(Delta::text("a"));
        panic!("a chunk that cannot be decoded");
    }
}

/// The token and the terminal event are handled, although the stream never waited for them.
#[test]
fn a_chunk_that_panics_leaves_no_event_behind() {
    for mode in MODES {
        Flavor::Multi.runtime().block_on(async {
            let recorders = Recorders::new(&[mode]);
            let model = service_fn(|_: ChatRequest| async {
                Ok::<_, BoxError>(stream::iter([Ok::<_, BoxError>(Faulty)]))
            });
            let mut answer = recorders.layer().layer(model).oneshot(request()).await.unwrap();
            assert!(AssertUnwindSafe(answer.next()).catch_unwind().await.is_err());
            drop(answer);
            let flushed = recorders.callbacks.flush(Duration::from_secs(3)).await;
            assert!(flushed.is_complete(), "{mode:?}: {flushed:?}");
            let terminals = recorders.each[0].1.terminals();
            assert_eq!(terminals.len(), 1, "{mode:?}");
            let kind = terminals[0].error().map(RunError::kind);
            assert_eq!(kind, Some(ErrorKind::Panic), "{mode:?}");
        });
    }
}

/// No task keeps waiting for the end of a run whose request could not be read.
#[test]
fn a_request_that_panics_leaves_no_task_behind() {
    let runtime = Flavor::Multi.runtime();
    runtime.block_on(async {
        let handler = Registration::blocking(Recorder::new()).deadline(Duration::from_millis(8));
        let model = CallbackLayer::new(Callbacks::new().add(handler))
            .extract(
                |_: &ChatRequest| panic!("a request that cannot be read"),
                |_: &(), _: &mut dyn FnMut(Delta<'_>)| {},
            )
            .layer(service_fn(|_: ChatRequest| async {
                Ok::<_, BoxError>(stream::iter([Ok::<_, BoxError>(())]))
            }));
        let answer = model.clone().oneshot(request());
        assert!(AssertUnwindSafe(answer).catch_unwind().await.is_err());
        let idle = until(|| runtime.metrics().num_alive_tasks() == 0);
        timeout(Duration::from_secs(3), idle).await.expect("a task is still alive");
        drop(model);
    });
}

/// Panics on drop: a payload, or part of a handler's future.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("a drop that panics");
        }
    }
}

/// The thread of a detached handler is reused for the next run, however its event ends.
#[test]
fn a_thread_is_reused_after_a_late_panic() {
    Flavor::Multi.runtime().block_on(async {
        let faults = Faults::default();
        let first = AtomicBool::new(true);
        let handler = Registration::blocking(on_event(move |_: &Run, _: &Event| {
            if first.swap(false, Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(300));
                panic_any(Bomb);
            }
        }));
        let handler = handler.threads(1).deadline(Duration::from_millis(100));
        let callbacks = Callbacks::new().on_fault(faults.hook()).add(handler);
        let model = ScriptedModel::new(Script::answer(["a"]));
        let mut model = CallbackLayer::new(callbacks).layer(model);
        read(call(&mut model).await.unwrap()).await;
        assert_eq!(faults.one().kind, FaultKind::DeadlineExceeded);
        tokio::time::sleep(Duration::from_millis(400)).await;
        read(call(&mut model).await.unwrap()).await;
        faults.one();
    });
}

/// The future of a detached handler may be dropped in the consumer's poll. The consumer does not see a panic
/// in that drop.
#[test]
fn a_detached_handlers_future_may_panic_on_drop() {
    Flavor::Multi.runtime().block_on(async {
        let handler = Registration::async_handler(on_event_async(|_, event| {
            let is_token = event.kind() == EventKind::LlmNewToken;
            async move {
                if is_token {
                    let _bomb = Bomb;
                    thread::sleep(Duration::from_millis(300));
                    std::future::pending::<()>().await;
                }
            }
        }));
        let recorders =
            Recorders::new(&MODES).with(handler.lockstep().deadline(Duration::from_millis(100)));
        let (_, mut model) = recorders.model(Script::answer(["a", "b"]));
        let (got, error) = read(call(&mut model).await.unwrap()).await;
        assert!(error.is_none());
        assert_eq!(got.len(), 4);
        assert_eq!(recorders.faults.one().kind, FaultKind::DeadlineExceeded);
    });
}
