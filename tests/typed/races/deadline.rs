//! Deadlines while one of several runtimes is not driven.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use support::{Faults, Flavor, call, read};
use tokio::{runtime::Runtime, time::timeout};
use tower::Layer;
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Event, FaultKind, Registration, Run, on_event, on_event_async,
    testing::{Script, ScriptedModel},
};

const DEADLINE: Duration = Duration::from_millis(100);

/// Reads an answer. Returns whether it ended.
fn ends(runtime: &Runtime, callbacks: &Callbacks) -> bool {
    let model = ScriptedModel::new(Script::answer(["a"]));
    let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
    let read = async { read(call(&mut model).await.unwrap()).await };
    runtime.block_on(async { timeout(Duration::from_secs(3), read).await.is_ok() })
}

/// Blocks in all starts after the first `free` ones.
fn blocks_from(free: usize) -> (impl Fn(&Event) + Send + Sync + 'static, mpsc::Sender<()>) {
    let (release, held) = mpsc::channel();
    let held = Mutex::new(held);
    let runs = AtomicUsize::new(0);
    let blocks = move |event: &Event| {
        if event.kind().is_start() && runs.fetch_add(1, Ordering::SeqCst) >= free {
            let _ = held.lock().unwrap().recv();
        }
    };
    (blocks, release)
}

/// The runtime of an earlier call exists, but is not driven.
#[test]
fn a_deadline_passes_while_another_callers_runtime_is_not_driven() {
    let (still, other) = (Flavor::Current.runtime(), Flavor::Current.runtime());
    let faults = Faults::default();
    let (blocks, release) = blocks_from(1);
    let handler = Registration::blocking(on_event(move |_: &Run, event: &Event| blocks(event)));
    let callbacks = Callbacks::new().on_fault(faults.hook()).add(handler.deadline(DEADLINE));
    assert!(ends(&still, &callbacks));
    let ended = ends(&other, &callbacks);
    drop(release);
    assert!(ended, "the call hangs");
    assert_eq!(faults.one().kind, FaultKind::DeadlineExceeded);
}

/// An async handler blocks the only worker of the callbacks' own runtime.
#[test]
fn a_deadline_passes_while_the_callbacks_runtime_is_blocked() {
    let own = Flavor::Multi.builder().worker_threads(1).enable_all().build().unwrap();
    let caller = Flavor::Current.runtime();
    let faults = Faults::default();
    let (blocks, release) = blocks_from(0);
    let blocks = Arc::new(blocks);
    let handler = Registration::async_handler(on_event_async(move |_, event| {
        let blocks = Arc::clone(&blocks);
        async move { blocks(&event) }
    }));
    let callbacks = Callbacks::new()
        .runtime(own.handle().clone())
        .on_fault(faults.hook())
        .add(handler.deadline(DEADLINE));
    let ended = ends(&caller, &callbacks);
    drop(release);
    assert!(ended, "the call hangs");
    assert_eq!(faults.one().kind, FaultKind::DeadlineExceeded);
}
