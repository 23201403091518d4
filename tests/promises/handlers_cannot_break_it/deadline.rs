//! A handler that hangs.

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
    FLAVORS, Faults, Flavor, Mode, PATIENCE, Recorders, call, read, request, until_blocking,
};
use tokio::time::timeout;
use tower_llm_callbacks::{
    Callbacks, Delivery, Event, EventKind, FaultKind, Registration, Run, on_event, on_event_async,
    testing::{Recorder, Script},
};

use super::{FRAGILE, assert_others_unharmed, witnesses};

/// Of an answer of three tokens, what a handler loses that hangs at an event: those told by the time
/// at which it is given up, the one in its hands included.
fn lost(at: EventKind, delivery: Delivery) -> u64 {
    match (at, delivery) {
        // Nobody waits for it: it is given up after the end.
        (EventKind::LlmStart, Delivery::Background) => 5,
        (EventKind::LlmNewToken, Delivery::Background) => 4,
        // The end waits for it.
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

/// What the handler heard in each run; it hangs in the first.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(Run, EventKind)>>>);

impl Heard {
    /// Whether this is the event to hang at.
    fn hear(&self, run: &Run, event: &Event, at: EventKind) -> bool {
        let mut heard = self.0.lock().unwrap();
        heard.push((run.clone(), event.kind()));
        heard[0].0.run_id() == run.run_id() && event.kind() == at
    }

    fn of(&self, nth: usize) -> Vec<EventKind> {
        let heard = self.0.lock().unwrap();
        let mut runs: Vec<_> = heard.iter().map(|(run, _)| run.run_id()).collect();
        runs.dedup();
        let of =
            |id| heard.iter().filter(move |(run, _)| run.run_id() == id).map(|(_, kind)| *kind);
        runs.get(nth).map_or(Vec::new(), |id| of(*id).collect())
    }
}

/// Two calls; the handler hangs in the first.
async fn two_calls(recorders: &Recorders, at: EventKind, delivery: Delivery, heard: &Heard) {
    let (inner, mut model) = recorders.model(Script::answer(["a", "b", "c"]));
    let (got, error) = read(call(&mut model).await.unwrap()).await;
    assert_eq!((got.len(), error.is_none()), (5, true));
    assert_eq!(inner.live(), 0);
    assert_others_unharmed(recorders, 1).await;
    let fault = recorders.faults.one();
    assert_eq!((fault.kind, &*fault.handler), (FaultKind::DeadlineExceeded, FRAGILE));
    assert_eq!(fault.lost_events, lost(at, delivery), "{at} {delivery:?}");
    assert_eq!(heard.of(0).last(), Some(&at), "it hears no more of the run");

    let (got, error) = read(call(&mut model).await.unwrap()).await;
    assert_eq!((got.len(), error.is_none()), (5, true));
    assert_others_unharmed(recorders, 2).await;
    assert_eq!(heard.of(1).len(), 5, "it hears the next run");
    recorders.faults.one();
}

/// Says when it is dropped.
struct OnDrop(Arc<AtomicBool>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn async_handlers_are_given_up() {
    for at in PLACES {
        for delivery in DELIVERIES {
            for flavor in FLAVORS {
                println!("{at} {delivery:?} {flavor:?}");
                let dropped = Arc::new(AtomicBool::new(false));
                let heard = Heard::default();
                let (hear, drops) = (heard.clone(), Arc::clone(&dropped));
                let handler = on_event_async(move |run, event| {
                    let (hear, drops) = (hear.clone(), Arc::clone(&drops));
                    async move {
                        if hear.hear(&run, &event, at) {
                            let _on_drop = OnDrop(drops);
                            pending::<()>().await;
                        }
                    }
                });
                // On the paused clock the deadline is over as soon as nothing else is to do.
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
                    timeout(Duration::from_secs(120), two_calls(&recorders, at, delivery, &heard))
                        .await
                        .expect("it hangs");
                });
                drop(runtime);
                assert!(dropped.load(Ordering::SeqCst));
            }
        }
    }
}

/// The future of a handler that was given up on is dropped then, not at the end of the runtime.
#[test]
fn their_futures_are_dropped() {
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
fn blocking_handlers_are_given_up() {
    for at in PLACES {
        for delivery in DELIVERIES {
            for flavor in FLAVORS {
                println!("{at} {delivery:?} {flavor:?}");
                let (release, stuck) = mpsc::channel::<()>();
                let stuck = Mutex::new(stuck);
                let released = Arc::new(AtomicBool::new(false));
                let (heard, is_released) = (Heard::default(), Arc::clone(&released));
                let hear = heard.clone();
                let handler = on_event(move |run: &Run, event: &Event| {
                    if hear.hear(run, event, at) {
                        let _ = stuck.lock().unwrap().recv_timeout(PATIENCE);
                        is_released.store(true, Ordering::SeqCst);
                    }
                });
                let deadline = Duration::from_millis(300);
                let recorders =
                    witnesses().with(set(Registration::blocking(handler), delivery, deadline));
                let runtime = flavor.runtime();
                runtime.block_on(async {
                    timeout(PATIENCE, two_calls(&recorders, at, delivery, &heard))
                        .await
                        .expect("it hangs");
                });
                assert!(!released.load(Ordering::SeqCst), "nobody waited for it");
                drop(release);
                until_blocking(|| released.load(Ordering::SeqCst));
                drop(runtime);
                assert_eq!(heard.of(0).last(), Some(&at), "nor is it told more afterwards");
                recorders.faults.one();
            }
        }
    }
}

/// The deadline counts from when the event is at the head of its queue, waiting for a thread included.
#[test]
fn waiting_for_a_thread_counts() {
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
        assert_eq!(entered.load(Ordering::SeqCst), 1, "its only thread is taken");
        let faults = recorders.faults.all();
        assert_eq!(faults.len(), 2);
        assert!(faults.iter().all(|fault| fault.kind == FaultKind::DeadlineExceeded));
        assert!(faults.iter().all(|fault| fault.lost_events == 1), "{faults:?}");
        drop(release);
    });
}

/// Handlers that are slow but make progress are waited for, however long they take in all.
#[test]
fn slow_is_not_late() {
    let runtime = Flavor::Current.builder().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let recorder = Recorder::new();
        let slow = on_event_async(|_, _| tokio::time::sleep(Duration::from_secs(20)));
        let recorders = Recorders::new(&[])
            .with(Registration::async_handler(slow))
            .with(Registration::async_handler(recorder.clone()));
        let (_, mut model) = recorders.model(Script::answer(["a", "b", "c", "d"]));
        read(call(&mut model).await.unwrap()).await;
        assert_eq!(recorder.terminals().len(), 1);
        assert_eq!(recorder.terminals()[0].result().unwrap().duration, Duration::from_secs(100));
        recorders.faults.none();
    });
}

/// No timer in the runtime: calls work all the same, and so do deadlines.
#[test]
fn in_a_runtime_without_timers() {
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
            assert_eq!(is_done.recv_timeout(PATIENCE).expect("it hangs"), 3);
            assert_eq!(recorder.terminals().len(), 1);
            assert_eq!(faults.all().len(), usize::from(hangs.is_some()), "{:?}", faults.all());
            drop(release);
        }
    }
}
