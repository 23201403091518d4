//! Handlers registered with `abort_on_fault`.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use futures::{StreamExt, executor::block_on};
use support::{
    FLAVORS, Flavor, Mode, PATIENCE, Recorders, call, in_each_mode, on_each_runtime, read, until,
};
use tower::{BoxError, Layer};
use tower_llm_callbacks::{
    Aborted, CallbackLayer, Callbacks, Delivery, ErrorKind, EventKind, Fault, FaultKind,
    Registration, on_event_async,
    testing::{Recorder, Script, ScriptedModel},
};

use super::{FRAGILE, witnesses};

fn reason(error: &BoxError) -> String {
    let aborted = error.downcast_ref::<Aborted>().expect("an `Aborted` error");
    aborted.abort().reason().to_owned()
}

async fn ended_aborted(recorders: &mut Recorders, kind: FaultKind) {
    assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
    assert_eq!(recorders.faults.one().kind, kind);
    recorders.faults = Default::default();
    recorders.ended(Some(ErrorKind::Aborted)).await;
}

#[test]
fn a_panic_aborts_the_call() {
    for at in [EventKind::LlmStart, EventKind::LlmNewToken] {
        in_each_mode(move |mode| async move {
            let panics = mode.closure(move |_, event| assert_ne!(event.kind(), at));
            let mut recorders = witnesses().with(panics.name(FRAGILE).abort_on_fault());
            let (inner, mut model) = recorders.model(Script::new().respond().text("a").hang());
            let error = match call(&mut model).await {
                Ok(stream) => read(stream).await.1.expect("an error"),
                Err(error) => error,
            };
            assert_eq!(reason(&error), "callback handler `fragile` panicked");
            assert_eq!(inner.live(), 0);
            if at == EventKind::LlmStart && (mode.is_awaited() || mode == Mode::Inline) {
                assert_eq!(inner.calls(), 0);
            }
            ended_aborted(&mut recorders, FaultKind::Panicked).await;
        });
    }
}

/// The terminal event is already emitted: nothing is left to abort.
#[test]
fn a_panic_at_the_terminal_changes_nothing() {
    in_each_mode(|mode| async move {
        let panics = mode.closure(|_, event| assert!(!event.kind().is_terminal()));
        let mut recorders = witnesses().with(panics.abort_on_fault());
        let (_, mut model) = recorders.model(Script::answer(["a"]));
        let (got, error) = read(call(&mut model).await.unwrap()).await;
        assert_eq!((got.len(), error.is_none()), (3, true));
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        assert_eq!(recorders.faults.one().kind, FaultKind::Panicked);
        recorders.faults = Default::default();
        recorders.ended(None).await;
    });
}

/// The call does not continue between the fault and the abort. A slow hook widens the gap.
#[test]
fn the_call_does_not_continue_after_a_fault() {
    for at in [EventKind::LlmStart, EventKind::LlmNewToken] {
        for mode in support::MODES.into_iter().filter(|mode| mode.is_awaited()) {
            for flavor in FLAVORS {
                println!("{at} {mode:?} {flavor:?}");
                let slipped = Arc::new(AtomicBool::new(false));
                let (went_on, goes_on) = mpsc::channel::<()>();
                let goes_on = Mutex::new(goes_on);
                let slips = Arc::clone(&slipped);
                let hook = move |_: &Fault| {
                    let wait = goes_on.lock().unwrap().recv_timeout(Duration::from_millis(100));
                    slips.store(wait.is_ok(), Ordering::SeqCst);
                };
                let recorder = Recorder::new();
                let panics = mode.closure(move |_, event| assert_ne!(event.kind(), at));
                let callbacks = Callbacks::new()
                    .on_fault(hook)
                    .add(panics.abort_on_fault())
                    .inline(recorder.clone());
                let inner = ScriptedModel::new(Script::answer(["a"]));
                let mut model = CallbackLayer::new(callbacks).layer(inner.clone());
                let runtime = flavor.runtime();
                let outcome = runtime.spawn(async move {
                    let stream = match call(&mut model).await {
                        Ok(stream) => stream,
                        Err(error) => return Some(error),
                    };
                    // The start phase, or the answer, has ended without the handler.
                    if at == EventKind::LlmStart {
                        let _ = went_on.send(());
                    }
                    let error = read(stream).await.1;
                    if error.is_none() {
                        let _ = went_on.send(());
                    }
                    error
                });
                let error = runtime.block_on(async {
                    tokio::time::timeout(PATIENCE, outcome).await.expect("the call hangs").unwrap()
                });
                assert!(!slipped.load(Ordering::SeqCst));
                assert!(error.expect("an `Aborted` error").is::<Aborted>());
                assert_eq!(recorder.terminals()[0].kind(), EventKind::LlmError);
                if at == EventKind::LlmStart {
                    assert_eq!(inner.calls(), 0);
                }
            }
        }
    }
}

#[test]
fn a_missed_deadline_aborts_the_call() {
    for delivery in [Delivery::Pipelined, Delivery::Lockstep, Delivery::Background] {
        on_each_runtime(move || async move {
            let hangs = on_event_async(|_, _| pending());
            let hangs = Registration::async_handler(hangs).name(FRAGILE).abort_on_fault();
            let hangs = hangs.deadline(Duration::from_millis(20));
            let hangs = match delivery {
                Delivery::Lockstep => hangs.lockstep(),
                Delivery::Background => hangs.background(),
                _ => hangs,
            };
            let mut recorders = witnesses().with(hangs);
            let (inner, mut model) = recorders.model(Script::new().respond().text("a").hang());
            let error = match call(&mut model).await {
                Ok(stream) => read(stream).await.1.expect("an error"),
                Err(error) => error,
            };
            assert_eq!(reason(&error), "callback handler `fragile` exceeded its deadline");
            assert_eq!(inner.calls(), usize::from(delivery == Delivery::Background));
            ended_aborted(&mut recorders, FaultKind::DeadlineExceeded).await;
        });
    }
}

#[test]
fn a_missing_runtime_aborts_the_call() {
    let mut recorders = Recorders::new(&[Mode::Inline])
        .with(Registration::async_handler(Recorder::new()).name(FRAGILE).abort_on_fault());
    let (inner, mut model) = recorders.model(Script::answer(["a"]));
    let error = block_on(call(&mut model)).unwrap_err();
    assert_eq!(reason(&error), "callback handler `fragile` has no runtime");
    assert_eq!(inner.calls(), 0);
    Flavor::Current.runtime().block_on(ended_aborted(&mut recorders, FaultKind::NoRuntime));
}

#[test]
fn a_runtime_shutdown_aborts_the_call() {
    let mut recorders = Recorders::new(&[Mode::Inline])
        .with(Registration::async_handler(Recorder::new()).name(FRAGILE).abort_on_fault());
    let (inner, mut model) = recorders.model(Script::answer(["a"]));
    let runtime = Flavor::Current.runtime();
    let mut stream = runtime.block_on(call(&mut model)).unwrap();
    drop(runtime);
    let error = block_on(stream.next()).unwrap().unwrap_err();
    assert_eq!(reason(&error), "callback handler `fragile` lost its runtime");
    assert_eq!(inner.live(), 0);
    Flavor::Current.runtime().block_on(ended_aborted(&mut recorders, FaultKind::RuntimeShutDown));
}

#[test]
fn too_many_runs_abort_the_call() {
    on_each_runtime(|| async {
        let (release, held) = tokio::sync::watch::channel(false);
        let hangs = on_event_async(move |_, _| {
            let mut held = held.clone();
            async move { drop(held.wait_for(|go| *go).await) }
        });
        let hangs = Registration::async_handler(hangs).background().max_undelivered_runs(1);
        let recorders = Recorders::new(&[]).with(hangs.name(FRAGILE).abort_on_fault());
        let (inner, mut model) = recorders.model(Script::answer(["a"]));
        let first = call(&mut model).await.unwrap();
        let error = call(&mut model).await.unwrap_err();
        assert_eq!(reason(&error), "callback handler `fragile` has too many undelivered runs");
        assert_eq!(inner.calls(), 1);
        assert_eq!(recorders.faults.one().kind, FaultKind::TooManyRuns);
        release.send(true).unwrap();
        assert!(read(first).await.1.is_none());
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        until(|| inner.live() == 0).await;
        // The handler has delivered its run: it accepts the next one.
        assert!(read(call(&mut model).await.unwrap()).await.1.is_none());
        recorders.faults.one();
    });
}
