//! Handlers that hang.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use support::{
    FLAVORS, Faults, Flavor, MODES, Mode, PATIENCE, Recorders, call, read, request, until_blocking,
};
use tokio::time::timeout;
use tower_llm_callbacks::{
    AsyncCallbackHandler, Callbacks, Delivery, Event, EventKind, Fault, FaultKind, Registration,
    Run, on_event, on_event_async,
    testing::{Recorder, Script},
};

use super::{FRAGILE, assert_others_unharmed, witnesses};

/// The number of events that a handler loses if it hangs at an event of an answer of three tokens: those
/// emitted until it is detached, the one being handled included.
fn lost(at: EventKind, delivery: Delivery) -> u64 {
    match (at, delivery) {
        // A background handler is not awaited: it is detached after the end.
        (EventKind::LlmStart, Delivery::Background) => 5,
        (EventKind::LlmNewToken, Delivery::Background) => 4,
        // The end waits for the handler.
        (EventKind::LlmNewToken, Delivery::Pipelined) => 3,
        _ => 1,
    }
}

const DELIVERIES: [Delivery; 3] = [Delivery::Pipelined, Delivery::Lockstep, Delivery::Background];
const PLACES: [EventKind; 3] = [EventKind::LlmStart, EventKind::LlmNewToken, EventKind::LlmEnd];

fn set(handler: Registration, delivery: Delivery, deadline: Duration) -> Registration {
    let handler = match delivery {
        Delivery::Lockstep => handler.lockstep(),
        Delivery::Background => handler.background(),
        _ => handler.pipelined(),
    };
    handler.deadline(deadline).name(FRAGILE)
}

/// Records the events of each run. The handler hangs in the first run.
#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<(Run, EventKind)>>>);

impl Received {
    /// Records an event. Returns whether the handler should hang at it.
    fn receive(&self, run: &Run, event: &Event, at: EventKind) -> bool {
        let mut received = self.0.lock().unwrap();
        received.push((run.clone(), event.kind()));
        received[0].0.run_id() == run.run_id() && event.kind() == at
    }

    fn of(&self, nth: usize) -> Vec<EventKind> {
        let received = self.0.lock().unwrap();
        let mut runs: Vec<_> = received.iter().map(|(run, _)| run.run_id()).collect();
        runs.dedup();
        let of =
            |id| received.iter().filter(move |(run, _)| run.run_id() == id).map(|(_, kind)| *kind);
        runs.get(nth).map_or(Vec::new(), |id| of(*id).collect())
    }
}

/// Makes two calls. The handler hangs in the first.
async fn two_calls(recorders: &Recorders, at: EventKind, delivery: Delivery, received: &Received) {
    let (inner, mut model) = recorders.model(Script::answer(["a", "b", "c"]));
    let (got, error) = read(call(&mut model).await.unwrap()).await;
    assert_eq!((got.len(), error.is_none()), (5, true));
    assert_eq!(inner.live(), 0);
    assert_others_unharmed(recorders, 1).await;
    let fault = recorders.faults.one();
    assert_eq!((fault.kind, &*fault.handler), (FaultKind::DeadlineExceeded, FRAGILE));
    assert_eq!(fault.lost_events, lost(at, delivery), "{at} {delivery:?}");
    assert_eq!(received.of(0).last(), Some(&at), "no further event of the run");

    let (got, error) = read(call(&mut model).await.unwrap()).await;
    assert_eq!((got.len(), error.is_none()), (5, true));
    assert_others_unharmed(recorders, 2).await;
    assert_eq!(received.of(1).len(), 5, "the next run is delivered");
    recorders.faults.one();
}

/// Sets a flag on drop.
struct OnDrop(Arc<AtomicBool>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_hanging_async_handler_is_detached() {
    for at in PLACES {
        for delivery in DELIVERIES {
            for flavor in FLAVORS {
                println!("{at} {delivery:?} {flavor:?}");
                let dropped = Arc::new(AtomicBool::new(false));
                let received = Received::default();
                let (receive, drops) = (received.clone(), Arc::clone(&dropped));
                let handler = on_event_async(move |run, event| {
                    let (receive, drops) = (receive.clone(), Arc::clone(&drops));
                    async move {
                        if receive.receive(&run, &event, at) {
                            let _on_drop = OnDrop(drops);
                            pending::<()>().await;
                        }
                    }
                });
                // On the paused clock the deadline passes as soon as every task is idle.
                let (deadline, paused) = match flavor {
                    Flavor::Current => (Duration::from_secs(5), true),
                    Flavor::Multi => (Duration::from_millis(300), false),
                };
                let handler = set(Registration::async_handler(handler), delivery, deadline);
                let recorders =
                    Recorders::new(&[Mode::Inline, Mode::Async(Delivery::Pipelined)]).with(handler);
                let mut builder = flavor.builder();
                let runtime = builder.enable_all().start_paused(paused).build().unwrap();
                runtime.block_on(async {
                    timeout(
                        Duration::from_secs(120),
                        two_calls(&recorders, at, delivery, &received),
                    )
                    .await
                    .expect("the calls hang");
                });
                drop(runtime);
                assert!(dropped.load(Ordering::SeqCst));
            }
        }
    }
}

/// A handler that blocks its thread, perhaps after a pause, until the sender is dropped.
fn blocks_after(pause: Option<Duration>) -> (mpsc::Sender<()>, impl AsyncCallbackHandler) {
    let (release, stuck) = mpsc::channel::<()>();
    let stuck = Arc::new(Mutex::new(stuck));
    let handler = on_event_async(move |_, _| {
        let stuck = Arc::clone(&stuck);
        async move {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            let _ = stuck.lock().unwrap().recv_timeout(PATIENCE);
        }
    });
    (release, handler)
}

/// An async handler that blocks its worker, whatever is in that worker's queue. Others go on at its deadline.
#[test]
fn an_async_handler_that_blocks_is_detached() {
    for delivery in [Delivery::Pipelined, Delivery::Background] {
        for _ in 0..20 {
            let runtime = Flavor::Multi.runtime();
            let (release, handler) = blocks_after(None);
            let deadline = Duration::from_millis(20);
            let handler = set(Registration::async_handler(handler), delivery, deadline);
            let recorders = Recorders::new(&[]).with(handler);
            let (_, mut model) = recorders.model(Script::answer(["a"]));
            let (done, is_done) = mpsc::channel();
            let callbacks = recorders.callbacks.clone();
            runtime.spawn(async move {
                let (got, _) = read(call(&mut model).await.unwrap()).await;
                assert!(callbacks.flush(PATIENCE).await.is_complete());
                done.send(got.len()).unwrap();
            });
            let got = is_done.recv_timeout(Duration::from_secs(5));
            drop(release);
            assert_eq!(got, Ok(3), "{delivery:?}: the call hangs");
            assert_eq!(recorders.faults.one().kind, FaultKind::DeadlineExceeded);
        }
    }
}

/// An async handler blocks the worker that looks after the timers, while the other one sleeps.
#[test]
fn timers_go_on_when_a_handler_that_blocks_is_detached() {
    for _ in 0..5 {
        let runtime = Flavor::Multi.runtime();
        let (release, handler) = blocks_after(Some(Duration::from_millis(5)));
        // No call waits for it, which would be woken.
        let handler = Registration::async_handler(handler).background();
        let handler = handler.deadline(Duration::from_millis(30));
        let recorders = Recorders::new(&[]).with(handler);
        let (_, mut model) = recorders.model(Script::answer(["a"]));
        runtime.spawn(async move { read(call(&mut model).await.unwrap()).await });
        let (slept, has_slept) = mpsc::channel();
        runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            slept.send(()).unwrap();
        });
        let has_slept = has_slept.recv_timeout(Duration::from_secs(5));
        drop(release);
        has_slept.expect("the timer hangs");
        assert_eq!(recorders.faults.one().kind, FaultKind::DeadlineExceeded);
    }
}

/// The only thread of a runtime is blocked by the handler. Who waits elsewhere goes on at its deadline.
#[test]
fn an_async_handler_that_blocks_its_runtime_is_detached() {
    for delivery in DELIVERIES {
        let (release, stuck) = mpsc::channel::<()>();
        let stuck = Arc::new(Mutex::new(stuck));
        let handler = on_event_async(move |_, _| {
            let stuck = Arc::clone(&stuck);
            async move {
                let _ = stuck.lock().unwrap().recv_timeout(PATIENCE);
            }
        });
        let handler =
            set(Registration::async_handler(handler), delivery, Duration::from_millis(20));
        let recorders = Recorders::new(&[]).with(handler);
        let (_, mut model) = recorders.model(Script::answer(["a"]));
        let callbacks = recorders.callbacks.clone();
        let blocked = thread::spawn(move || {
            Flavor::Current.runtime().block_on(async {
                read(call(&mut model).await.unwrap()).await;
                assert!(callbacks.flush(PATIENCE).await.is_complete());
            });
        });
        until_blocking(|| !recorders.faults.all().is_empty());
        assert_eq!(recorders.faults.one().kind, FaultKind::DeadlineExceeded);
        assert!(recorders.callbacks.flush_blocking(PATIENCE).is_complete());
        assert!(!blocked.is_finished(), "the handler has not returned");
        drop(release);
        blocked.join().unwrap();
    }
}

/// The hooks of a fault run in the runtime of the run, whichever thread notices it.
#[test]
fn hooks_of_a_missed_deadline_may_spawn_tasks() {
    for mode in MODES.into_iter().filter(|mode| *mode != Mode::Inline) {
        support::on_each_runtime(move || async move {
            let spawned = Arc::new(AtomicBool::new(false));
            let spawns = Arc::clone(&spawned);
            let (release, stuck) = mpsc::channel::<()>();
            let stuck = Arc::new(Mutex::new(stuck));
            let handler = match mode.is_async() {
                true => Registration::async_handler(on_event_async(|_, _| pending())),
                false => Registration::blocking(on_event(move |_: &Run, _: &Event| {
                    let _ = stuck.lock().unwrap().recv_timeout(PATIENCE);
                })),
            };
            let hook = move |_: &Fault| {
                let spawns = Arc::clone(&spawns);
                tokio::spawn(async move { spawns.store(true, Ordering::SeqCst) });
            };
            let recorders =
                Recorders::new(&[]).with(mode.deliver(handler).deadline(Duration::from_millis(20)));
            let callbacks = recorders.callbacks.clone().on_fault(hook);
            let model = tower_llm_callbacks::testing::ScriptedModel::new(Script::answer(["a"]));
            let layer = tower_llm_callbacks::CallbackLayer::new(callbacks);
            read(call(&mut tower::Layer::layer(&layer, model)).await.unwrap()).await;
            support::until(|| spawned.load(Ordering::SeqCst)).await;
            drop(release);
        });
    }
}

/// The future of a detached handler is dropped at once, not with the runtime.
#[test]
fn the_future_of_a_detached_handler_is_dropped() {
    support::on_each_runtime(|| async {
        let dropped = Arc::new(AtomicBool::new(false));
        let drops = Arc::clone(&dropped);
        let handler = on_event_async(move |_, _| {
            let on_drop = OnDrop(Arc::clone(&drops));
            async move {
                let _on_drop = on_drop;
                pending::<()>().await;
            }
        });
        let handler = Registration::async_handler(handler).deadline(Duration::from_millis(20));
        let (_, mut model) = Recorders::new(&[]).with(handler).model(Script::answer(["a"]));
        read(call(&mut model).await.unwrap()).await;
        support::until(|| dropped.load(Ordering::SeqCst)).await;
    });
}

#[test]
fn a_hanging_blocking_handler_is_detached() {
    for at in PLACES {
        for delivery in DELIVERIES {
            for flavor in FLAVORS {
                println!("{at} {delivery:?} {flavor:?}");
                let (release, stuck) = mpsc::channel::<()>();
                let stuck = Mutex::new(stuck);
                let released = Arc::new(AtomicBool::new(false));
                let (received, is_released) = (Received::default(), Arc::clone(&released));
                let receive = received.clone();
                let handler = on_event(move |run: &Run, event: &Event| {
                    if receive.receive(run, event, at) {
                        let _ = stuck.lock().unwrap().recv_timeout(PATIENCE);
                        is_released.store(true, Ordering::SeqCst);
                    }
                });
                let deadline = Duration::from_millis(300);
                let recorders =
                    witnesses().with(set(Registration::blocking(handler), delivery, deadline));
                let runtime = flavor.runtime();
                runtime.block_on(async {
                    timeout(PATIENCE, two_calls(&recorders, at, delivery, &received))
                        .await
                        .expect("the calls hang");
                });
                assert!(!released.load(Ordering::SeqCst), "the calls do not wait for the handler");
                drop(release);
                until_blocking(|| released.load(Ordering::SeqCst));
                drop(runtime);
                assert_eq!(
                    received.of(0).last(),
                    Some(&at),
                    "no further event after the handler returns"
                );
                recorders.faults.one();
            }
        }
    }
}

/// The deadline starts when an event is at the head of its queue. It includes waiting for a thread.
#[test]
fn the_deadline_includes_waiting_for_a_thread() {
    support::on_each_runtime(|| async {
        let (release, stuck) = mpsc::channel::<()>();
        let stuck = Mutex::new(stuck);
        let entered = Arc::new(AtomicUsize::new(0));
        let enter = Arc::clone(&entered);
        let handler = on_event(move |_: &Run, _: &Event| {
            enter.fetch_add(1, Ordering::SeqCst);
            let _ = stuck.lock().unwrap().recv_timeout(PATIENCE);
        });
        let handler =
            Registration::blocking(handler).threads(1).deadline(Duration::from_millis(50));
        let recorders = witnesses().with(handler);
        let (inner, mut model) = recorders.model(Script::answer(["a"]));
        for calls in 1..=2 {
            let (got, _) = read(call(&mut model).await.unwrap()).await;
            assert_eq!(got.len(), 3);
            assert_eq!(inner.calls(), calls);
        }
        assert_others_unharmed(&recorders, 2).await;
        assert_eq!(entered.load(Ordering::SeqCst), 1, "the handler's only thread is busy");
        let faults = recorders.faults.all();
        assert_eq!(faults.len(), 2);
        assert!(faults.iter().all(|fault| fault.kind == FaultKind::DeadlineExceeded));
        assert!(faults.iter().all(|fault| fault.lost_events == 1), "{faults:?}");
        drop(release);
    });
}

/// A slow handler that makes progress is awaited, however long it takes in total.
#[test]
fn a_slow_handler_that_makes_progress_is_not_detached() {
    let runtime = Flavor::Current.builder().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let recorder = Recorder::new();
        let slow = on_event_async(|_, _| tokio::time::sleep(Duration::from_secs(20)));
        let recorders = Recorders::new(&[])
            .with(Registration::async_handler(slow))
            .with(Registration::async_handler(recorder.clone()));
        let (_, mut model) = recorders.model(Script::answer(["a", "b", "c", "d"]));
        let began = tokio::time::Instant::now();
        read(call(&mut model).await.unwrap()).await;
        assert_eq!(began.elapsed(), Duration::from_secs(120), "six events");
        assert_eq!(recorder.terminals().len(), 1);
        assert_eq!(recorder.terminals()[0].result().unwrap().duration, Duration::ZERO);
        recorders.faults.none();
    });
}

/// Calls and deadlines work in a runtime without timers.
#[test]
fn deadlines_work_in_a_runtime_without_timers() {
    for flavor in FLAVORS {
        for hangs in [Some(true), Some(false), None] {
            let faults = Faults::default();
            let recorder = Recorder::new();
            let deadline = Duration::from_millis(50);
            let mut callbacks =
                Callbacks::new().on_fault(faults.hook()).async_handler(recorder.clone());
            let (release, stuck) = mpsc::channel::<()>();
            let stuck = Mutex::new(stuck);
            callbacks = callbacks.add(match hangs {
                Some(true) => {
                    Registration::async_handler(on_event_async(|_, _| pending())).deadline(deadline)
                }
                Some(false) => Registration::blocking(on_event(move |_: &Run, _: &Event| {
                    let _ = stuck.lock().unwrap().recv_timeout(PATIENCE);
                }))
                .deadline(deadline),
                None => Registration::blocking(Recorder::new()),
            });
            let model = tower_llm_callbacks::testing::ScriptedModel::new(Script::answer(["a"]));
            let layer = tower_llm_callbacks::CallbackLayer::new(callbacks);
            let mut model = tower::Layer::layer(&layer, model);
            let (done, is_done) = mpsc::channel();
            thread::spawn(move || {
                let runtime = flavor.builder().build().unwrap();
                runtime.block_on(async {
                    let ready = tower::ServiceExt::ready(&mut model).await.unwrap();
                    let stream = tower::Service::call(ready, request()).await.unwrap();
                    done.send(read(stream).await.0.len()).unwrap();
                });
                runtime.shutdown_background();
            });
            assert_eq!(is_done.recv_timeout(PATIENCE).expect("the call hangs"), 3);
            assert_eq!(recorder.terminals().len(), 1);
            assert_eq!(faults.all().len(), usize::from(hangs.is_some()), "{:?}", faults.all());
            drop(release);
        }
    }
}
