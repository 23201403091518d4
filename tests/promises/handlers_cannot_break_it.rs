//! Promise 5, handlers cannot break it: a handler that panics, hangs, blocks or calls models itself changes
//! neither the call nor the events of other handlers. It is reported once, and receives the next run.

mod calls_models;
mod deadline;
mod errors;
mod panics;
mod required;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, mpsc},
    task::Poll,
    thread::{self, ThreadId},
    time::Duration,
};

use futures::{StreamExt, stream};
use support::{FLAVORS, Flavor, MODES, Mode, PATIENCE, Recorders, call, read, request};
use tokio::{runtime::Handle, task::yield_now, time::timeout};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delivery, Event, EventKind, Fault, FaultKind, Registration, Run,
    chat::{ChatChunk, ChatRequest},
    on_event_async,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};

/// The name of a test's misbehaving handler in faults.
const FRAGILE: &str = "fragile";

/// Recorders in all modes, which do not fail.
fn witnesses() -> Recorders {
    Recorders::new(&MODES)
}

/// Asserts that the other handlers received every event of every run.
async fn assert_others_unharmed(recorders: &Recorders, runs: usize) {
    let flushed = recorders.callbacks.flush(PATIENCE).await;
    assert!(flushed.is_complete(), "{flushed:?}");
    for (mode, recorder) in &recorders.each {
        assert_promises(&recorder.events());
        assert_eq!(recorder.terminals().len(), runs, "{mode:?}");
    }
}

/// A blocking handler runs where blocking is allowed, and never on a thread that polls tasks.
#[test]
fn blocking_handlers_never_run_on_a_thread_of_the_runtime() {
    for flavor in FLAVORS {
        for delivery in [Delivery::Pipelined, Delivery::Lockstep, Delivery::Background] {
            let handled = Arc::new(Mutex::new(HashSet::<ThreadId>::new()));
            let polled = Arc::new(Mutex::new(HashSet::new()));
            let threads = Arc::clone(&handled);
            let blocks = move |_: &Run, _: &Event| {
                threads.lock().unwrap().insert(thread::current().id());
                // Panics on a thread that drives tasks.
                Handle::current().block_on(yield_now());
            };
            let recorders = witnesses().with(Mode::Blocking(delivery).closure(blocks).threads(2));
            let runtime = flavor.runtime();
            let tasks: Vec<_> = (0..16)
                .map(|_| {
                    runtime.spawn(read_noting_threads(
                        recorders.callbacks.clone(),
                        Arc::clone(&polled),
                    ))
                })
                .collect();
            runtime.block_on(async {
                for task in tasks {
                    timeout(PATIENCE, task).await.expect("the call hangs").unwrap();
                }
                assert_others_unharmed(&recorders, 16).await;
            });
            recorders.faults.none();
            let (handled, polled) = (handled.lock().unwrap(), polled.lock().unwrap());
            assert!(!handled.is_empty() && !polled.is_empty());
            assert!(handled.is_disjoint(&polled), "{flavor:?} {delivery:?}");
        }
    }
}

/// Calls a model that records the threads that poll it. The stream is dropped midway.
async fn read_noting_threads(callbacks: Callbacks, polled: Arc<Mutex<HashSet<ThreadId>>>) {
    let model = service_fn(move |_: ChatRequest| {
        let polled = Arc::clone(&polled);
        let mut count = 0;
        let texts = stream::poll_fn(move |cx| {
            polled.lock().unwrap().insert(thread::current().id());
            count += 1;
            if count % 3 == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok::<_, BoxError>(ChatChunk::text(count.to_string()))))
        });
        async { Ok::<_, BoxError>(texts) }
    });
    let mut model = CallbackLayer::new(callbacks).layer(model);
    let mut stream = model.ready().await.unwrap().call(request()).await.unwrap();
    for _ in 0..10 {
        stream.next().await.unwrap().unwrap();
    }
}

/// A panic in a fault hook is caught like one in a handler.
#[test]
fn a_panicking_fault_hook_is_harmless() {
    support::in_each_mode(|mode| async move {
        let panics = mode.closure(|_, event| assert!(event.kind().is_terminal(), "of the handler"));
        let faults = support::Faults::default();
        let callbacks = Callbacks::new()
            .on_fault(|_: &Fault| std::panic::panic_any(PanicsOnDrop))
            .on_fault(|_: &Fault| panic!("of the hook"))
            .on_fault(faults.hook())
            .add(panics);
        let recorder = Recorder::new();
        let callbacks = callbacks.add(mode.handler(recorder.clone()));
        let model = ScriptedModel::new(Script::answer(["a", "b"]));
        let mut model = CallbackLayer::new(callbacks.clone()).layer(model);
        let (got, error) = read(call(&mut model).await.unwrap()).await;
        assert_eq!((got.len(), error.is_none()), (4, true));
        assert!(callbacks.flush(PATIENCE).await.is_complete());
        assert_promises(&recorder.events());
        assert_eq!(recorder.terminals().len(), 1);
        let fault = faults.one();
        assert_eq!((fault.kind, fault.event), (FaultKind::Panicked, Some(EventKind::LlmStart)));
    });
}

/// A panic payload that panics on drop.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("of the payload");
        }
    }
}

#[test]
fn a_payload_that_panics_when_dropped_is_harmless() {
    support::in_each_mode(|mode| async move {
        let panics = mode.closure(|_, event| {
            if event.kind() == EventKind::LlmNewToken {
                std::panic::panic_any(PanicsOnDrop);
            }
        });
        let recorders = witnesses().with(panics.name(FRAGILE).threads(1));
        let (_, mut model) = recorders.model(Script::answer(["a", "b"]));
        for runs in 1..=3 {
            let (got, error) = read(call(&mut model).await.unwrap()).await;
            assert_eq!((got.len(), error.is_none()), (4, true));
            assert_others_unharmed(&recorders, runs).await;
            assert_eq!(recorders.faults.all().len(), runs);
        }
        assert!(recorders.faults.all().iter().all(|fault| fault.kind == FaultKind::Panicked));
    });
}

/// The callbacks' runtime is shut down. The call is made with each kind of handler.
#[test]
fn a_runtime_that_has_shut_down_is_harmless() {
    let gone = Flavor::Current.runtime();
    let handle = gone.handle().clone();
    drop(gone);
    for mode in MODES {
        let recorder = Recorder::new();
        let mut recorders = Recorders::new(&[]).with(Registration::inline(recorder.clone()));
        recorders = recorders.with(mode.closure(|_, _| {}).name(FRAGILE));
        recorders.callbacks = recorders.callbacks.runtime(handle.clone());
        let (_, mut model) = recorders.model(Script::answer(["a", "b"]));
        let runtime = Flavor::Multi.runtime();
        runtime.block_on(async {
            let reading = async { read(call(&mut model).await.unwrap()).await };
            let (got, error) = timeout(PATIENCE, reading).await.expect("the call hangs");
            assert_eq!((got.len(), error.is_none()), (4, true));
            assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        });
        assert_promises(&recorder.events());
        if mode.is_async() {
            assert_eq!(recorders.faults.one().kind, FaultKind::RuntimeShutDown);
        } else {
            recorders.faults.none();
        }
    }
}

/// An async handler has the timers of its own runtime, whatever polls the call.
#[test]
fn async_handlers_run_in_their_runtime() {
    for delivery in [Delivery::Pipelined, Delivery::Lockstep, Delivery::Background] {
        let sleeps = on_event_async(|_, _| async {
            tokio::time::sleep(Duration::from_micros(1)).await;
            tokio::spawn(yield_now()).await.unwrap();
        });
        let sleeps = match delivery {
            Delivery::Lockstep => Registration::async_handler(sleeps).lockstep(),
            Delivery::Background => Registration::async_handler(sleeps).background(),
            _ => Registration::async_handler(sleeps),
        };
        let recorder = Recorder::new();
        let mut recorders =
            Recorders::new(&[]).with(sleeps).with(Registration::inline(recorder.clone()));
        let runtime = Flavor::Multi.runtime();
        recorders.callbacks = recorders.callbacks.runtime(runtime.handle().clone());
        let (_, mut model) = recorders.model(Script::answer(["a", "b"]));
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            let reading = async { read(call(&mut model).await.unwrap()).await.0.len() };
            done.send(futures::executor::block_on(reading))
        });
        assert_eq!(is_done.recv_timeout(PATIENCE).expect("the call hangs"), 4);
        assert!(runtime.block_on(recorders.callbacks.flush(PATIENCE)).is_complete());
        recorders.faults.none();
        assert_promises(&recorder.events());
    }
}
