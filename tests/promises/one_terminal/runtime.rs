//! Runtimes that shut down, and calls without a runtime.

use std::{sync::mpsc, thread};

use futures::{StreamExt, executor::block_on};
use support::{
    Answer, FLAVORS, Flavor, MODES, PATIENCE, Recorders, assert_same_answer, call, only_terminal,
    read,
};
use tokio::time::timeout;
use tower_llm_callbacks::{ErrorKind, EventKind, FaultKind, testing::Script};

use super::{chunks, script, sum};

/// A stream after three items, whose runtime is gone.
fn left_over(flavor: Flavor, recorders: &Recorders, script: Script) -> Answer {
    let runtime = flavor.runtime();
    let stream = runtime.block_on(async {
        let (_, mut model) = recorders.model(script);
        let mut stream = call(&mut model).await.unwrap();
        for _ in 0..3 {
            stream.next().await.unwrap().unwrap();
        }
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        stream
    });
    drop(runtime);
    stream
}

/// Blocking and inline handlers have their terminal. Async handlers have one fault and no terminal.
fn assert_ends(recorders: &Recorders, kind: Option<ErrorKind>) {
    Flavor::Current.runtime().block_on(async {
        let flushed = timeout(PATIENCE, recorders.callbacks.flush(PATIENCE)).await.unwrap();
        assert!(flushed.is_complete(), "{flushed:?}");
    });
    for (mode, recorder) in &recorders.each {
        if mode.is_async() {
            assert_eq!(recorder.kinds(), [EventKind::LlmStart, EventKind::LlmNewToken], "{mode:?}");
        } else {
            let end = only_terminal(*mode, recorder, kind);
            let read = if kind.is_none() { usize::MAX } else { 3 };
            assert_same_answer(end.result().unwrap(), &sum(read));
        }
    }
    let async_handlers = recorders.each.iter().filter(|(mode, _)| mode.is_async()).count();
    let faults = recorders.faults.all();
    assert_eq!(faults.len(), async_handlers, "{faults:#?}");
    assert!(faults.iter().all(|fault| fault.kind == FaultKind::RuntimeShutDown), "{faults:#?}");
}

fn in_each_set(test: impl Fn(Flavor, Recorders)) {
    for flavor in FLAVORS {
        for modes in MODES.chunks(1).chain([&MODES[..]]) {
            println!("{flavor:?} {modes:?}");
            test(flavor, Recorders::new(modes));
        }
    }
}

#[test]
fn drop_after_the_runtime_is_gone_emits_the_terminal() {
    in_each_set(|flavor, recorders| {
        drop(left_over(flavor, &recorders, script(usize::MAX)));
        assert_ends(&recorders, Some(ErrorKind::Cancelled));
    });
}

#[test]
fn drop_in_another_runtime_emits_the_terminal() {
    in_each_set(|flavor, recorders| {
        let stream = left_over(flavor, &recorders, script(usize::MAX));
        Flavor::Multi.runtime().block_on(async move { drop(stream) });
        assert_ends(&recorders, Some(ErrorKind::Cancelled));
    });
}

#[test]
fn a_stream_can_be_read_in_another_runtime() {
    in_each_set(|flavor, recorders| {
        let stream = left_over(flavor, &recorders, script(usize::MAX));
        let (got, error) = Flavor::Current
            .runtime()
            .block_on(async { timeout(PATIENCE, read(stream)).await.expect("the stream hangs") });
        assert_eq!(got, chunks()[3..]);
        assert!(error.is_none());
        assert_ends(&recorders, None);
    });
}

#[test]
fn a_stream_can_be_read_without_a_runtime() {
    in_each_set(|flavor, recorders| {
        let stream = left_over(flavor, &recorders, script(usize::MAX));
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || done.send(block_on(read(stream)).0));
        assert_eq!(is_done.recv_timeout(PATIENCE).expect("the stream hangs"), chunks()[3..]);
        assert_ends(&recorders, None);
    });
}

/// The runtime shuts down under the task that holds the stream, while handlers have queued events.
#[test]
fn a_runtime_shut_down_midway_loses_only_async_terminals() {
    in_each_set(|flavor, recorders| {
        let runtime = flavor.runtime();
        let (_, mut model) = recorders.model(script(4).hang());
        let (reached, is_reached) = mpsc::channel();
        runtime.spawn(async move {
            let mut stream = call(&mut model).await.unwrap();
            for _ in 0..4 {
                stream.next().await.unwrap().unwrap();
            }
            reached.send(()).unwrap();
            stream.next().await;
        });
        runtime.block_on(async {
            while is_reached.try_recv().is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        });
        drop(runtime);
        Flavor::Current.runtime().block_on(async {
            assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        });
        let faults = recorders.faults.all();
        for (mode, recorder) in &recorders.each {
            if !mode.is_async() {
                let end = only_terminal(*mode, recorder, Some(ErrorKind::Cancelled));
                assert_same_answer(end.result().unwrap(), &sum(4));
            }
        }
        let async_handlers = recorders.each.iter().filter(|(mode, _)| mode.is_async());
        let missed = async_handlers.filter(|(_, recorder)| recorder.terminals().is_empty()).count();
        assert_eq!(faults.len(), missed, "one fault per lost terminal: {faults:#?}");
        assert!(faults.iter().all(|fault| fault.kind == FaultKind::RuntimeShutDown));
    });
}

#[test]
fn drop_on_a_thread_without_a_runtime_emits_the_terminal() {
    in_each_set(|flavor, recorders| {
        let runtime = flavor.runtime();
        runtime.block_on(async {
            let (inner, mut model) = recorders.model(script(usize::MAX));
            let mut stream = call(&mut model).await.unwrap();
            for _ in 0..3 {
                stream.next().await.unwrap().unwrap();
            }
            thread::spawn(move || drop(stream)).join().unwrap();
            assert_eq!(inner.live(), 0);
            let end = recorders.ended(Some(ErrorKind::Cancelled)).await;
            assert_same_answer(end.result().unwrap(), &sum(3));
        });
    });
}

#[test]
fn a_call_without_a_runtime_reaches_all_but_async_handlers() {
    in_each_set(|_, recorders| {
        let (_, mut model) = recorders.model(script(usize::MAX));
        let (got, error) = block_on(async { read(call(&mut model).await.unwrap()).await });
        assert_eq!(got, chunks());
        assert!(error.is_none());
        assert!(recorders.callbacks.flush_blocking(support::PATIENCE).is_complete());
        let mut missed = 0;
        for (mode, recorder) in &recorders.each {
            if mode.is_async() {
                assert!(recorder.events().is_empty(), "{mode:?}");
                missed += 1;
            } else {
                let end = only_terminal(*mode, recorder, None);
                assert_same_answer(end.result().unwrap(), &sum(usize::MAX));
            }
        }
        let faults = recorders.faults.all();
        assert_eq!(faults.len(), missed, "{faults:#?}");
        assert!(faults.iter().all(|fault| fault.kind == FaultKind::NoRuntime), "{faults:#?}");
        assert!(faults.iter().all(|fault| fault.to_string().contains("Callbacks::runtime")));
    });
}

/// The call is made without a runtime, but the callbacks have one.
#[test]
fn a_call_without_a_runtime_uses_that_of_the_callbacks() {
    in_each_set(|flavor, mut recorders| {
        let runtime = flavor.runtime();
        recorders.callbacks = recorders.callbacks.runtime(runtime.handle().clone());
        let (_, mut model) = recorders.model(script(usize::MAX));
        let called = thread::spawn(move || {
            block_on(async { read(call(&mut model).await.unwrap()).await.0 })
        });
        runtime.block_on(async {
            support::until(|| called.is_finished()).await;
            assert_eq!(called.join().unwrap(), chunks());
            recorders.ended(None).await;
        });
    });
}
