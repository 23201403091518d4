//! A clock that a test has paused does not run ahead of handlers, and deadlines and pauses are times of it.

use std::{
    future::{Future, pending},
    sync::{Arc, Mutex, mpsc},
    task::{Context, Wake},
    thread,
    time::Duration,
};

use support::{Faults, Flavor, Mode, PATIENCE, call, read};
use tokio::{
    runtime::Runtime,
    task::spawn_blocking,
    time::{Instant, advance, timeout},
};
use tower::Layer;
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delivery, Event, FaultKind, Registration, Run,
    callbacks::Suspension,
    layer::CallbackService,
    on_event, on_event_async,
    testing::{Script, ScriptedModel},
};

const BLOCKING: [Mode; 3] = [
    Mode::Blocking(Delivery::Pipelined),
    Mode::Blocking(Delivery::Lockstep),
    Mode::Blocking(Delivery::Background),
];

fn model(callbacks: &Callbacks) -> CallbackService<ScriptedModel> {
    CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(Script::answer(["a", "b"])))
}

fn paused() -> Runtime {
    Flavor::Current.builder().enable_all().start_paused(true).build().unwrap()
}

/// Hangs at each event, until the test ends.
fn hangs(mode: Mode) -> (Registration, mpsc::Sender<()>) {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let handler = on_event(move |_: &Run, _: &Event| {
        let _ = released.lock().unwrap().recv();
    });
    (mode.deliver(Registration::blocking(handler)), release)
}

/// A paused clock does not run ahead while a task waits for a handler on a thread, and causes no false deadline.
#[test]
fn a_paused_clock_waits_for_handlers() {
    for mode in BLOCKING {
        let (faults, slow) = (Faults::default(), Duration::from_millis(30));
        let handler = mode.closure(move |_, _| thread::sleep(slow)).deadline(PATIENCE);
        let callbacks = Callbacks::new().on_fault(faults.hook()).add(handler);
        paused().block_on(async {
            let began = Instant::now();
            let mut model = model(&callbacks);
            let answer = timeout(PATIENCE, call(&mut model)).await.expect("the clock ran ahead");
            timeout(PATIENCE, read(answer.unwrap())).await.expect("the clock ran ahead");
            assert!(callbacks.flush(PATIENCE).await.is_complete());
            assert_eq!(began.elapsed(), Duration::ZERO, "{mode:?}");
        });
        faults.none();
    }
}

/// A handler in a runtime whose clock goes on is not late by that of the call.
#[test]
fn a_handler_in_another_runtime_is_not_late_by_a_paused_clock() {
    let own = Flavor::Multi.runtime();
    for delivery in [Delivery::Pipelined, Delivery::Lockstep, Delivery::Background] {
        let faults = Faults::default();
        let slow = on_event_async(|_, _| tokio::time::sleep(Duration::from_millis(5)));
        let slow = Mode::Async(delivery).deliver(Registration::async_handler(slow));
        let callbacks = Callbacks::new()
            .runtime(own.handle().clone())
            .on_fault(faults.hook())
            .add(slow.deadline(PATIENCE));
        paused().block_on(async { read(call(&mut model(&callbacks)).await.unwrap()).await });
        assert!(callbacks.flush_blocking(PATIENCE).is_complete());
        faults.none();
    }
}

/// A hung handler in a runtime whose clock is paused: its deadline is one of the system's clock.
#[test]
fn a_paused_clock_does_not_keep_a_runtime_from_its_end() {
    for mode in BLOCKING {
        let (hangs, release) = hangs(mode);
        let faults = Faults::default();
        let hangs = hangs.deadline(Duration::from_millis(50));
        let callbacks = Callbacks::new().on_fault(faults.hook()).add(hangs);
        let runtime = paused();
        runtime.block_on(async {
            read(call(&mut model(&callbacks)).await.unwrap()).await;
        });
        drop(runtime);
        support::until_blocking(|| !faults.all().is_empty());
        assert_eq!(faults.one().kind, FaultKind::DeadlineExceeded);
        drop(release);
    }
}

/// The pauses of a suspended handler are times of the runtime's clock, also if a thread has noticed its failure.
#[test]
fn a_suspended_handler_pauses_by_the_paused_clock() {
    for mode in BLOCKING {
        let (hangs, release) = hangs(mode);
        let (hour, faults) = (Duration::from_secs(3600), Faults::default());
        let hangs = hangs.deadline(Duration::from_millis(20));
        let hangs = hangs.suspension(Suspension::after(1).probe(hour / 60, hour));
        let callbacks = Callbacks::new().on_fault(faults.hook()).add(hangs);
        paused().block_on(async {
            advance(hour).await;
            read(call(&mut model(&callbacks)).await.unwrap()).await;
            assert!(callbacks.flush(PATIENCE).await.is_complete());
            assert_eq!(faults.all().len(), 2, "late, and suspended");
            for skipped in 1..=3 {
                advance(hour / 200).await;
                read(call(&mut model(&callbacks)).await.unwrap()).await;
                assert_eq!(callbacks.stats()[0].skipped_runs, skipped, "{mode:?}");
            }
            drop(release);
            advance(hour / 60).await;
            read(call(&mut model(&callbacks)).await.unwrap()).await;
            assert!(callbacks.flush(PATIENCE).await.is_complete());
            assert!(!callbacks.stats()[0].suspended, "{mode:?}: it is back");
        });
    }
}

/// A waker that is slow on one thread.
struct Slow {
    thread: &'static str,
    called: Mutex<mpsc::Sender<()>>,
    returns: Mutex<mpsc::Receiver<()>>,
}

impl Wake for Slow {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if thread::current().name() == Some(self.thread) {
            let _ = self.called.lock().unwrap().send(());
            let _ = self.returns.lock().unwrap().recv_timeout(PATIENCE);
        }
    }
}

/// A thread of an unrelated handler is about to wake all flushes, and is held up. A runtime's own progress wakes its flush
/// all the same: otherwise every task of the runtime would seem to wait, and its clock would run ahead.
#[test]
fn a_flush_ends_at_once_while_another_thread_is_slow_to_wake_it() {
    const SLOW: &str = "slow-to-wake";
    for delivery in [Delivery::Pipelined, Delivery::Lockstep, Delivery::Background] {
        let other = Flavor::Multi.runtime();
        let (go, goes) = mpsc::channel::<()>();
        let goes = Mutex::new(goes);
        let unrelated = on_event(move |_: &Run, _: &Event| {
            let _ = goes.lock().unwrap().recv();
            thread::sleep(Duration::from_millis(1));
        });
        let unrelated = Registration::blocking(unrelated).background().name(SLOW);
        let unrelated = Callbacks::new().add(unrelated);
        let script = Script::answer(["a"; 100]);
        let mut many = CallbackLayer::new(unrelated.clone()).layer(ScriptedModel::new(script));
        other.block_on(async { read(call(&mut many).await.unwrap()).await });
        let (called, is_called) = mpsc::channel();
        let (returns, is_returned) = mpsc::channel();
        let (called, is_returned) = (Mutex::new(called), Mutex::new(is_returned));
        let slow = Arc::new(Slow { thread: SLOW, called, returns: is_returned }).into();
        let mut slow_flush = Box::pin(async move { unrelated.flush(PATIENCE).await });
        let mut poll = move || slow_flush.as_mut().poll(&mut Context::from_waker(&slow));
        {
            let _entered = other.enter();
            assert!(poll().is_pending());
        }
        let hangs = Mode::Async(delivery).deliver(Registration::async_handler(on_event_async(
            |_, event| async move {
                if event.kind().is_terminal() {
                    pending::<()>().await;
                }
            },
        )));
        let callbacks = Callbacks::new().add(hangs.deadline(Duration::from_secs(1)));
        paused().block_on(async {
            let answer = call(&mut model(&callbacks)).await.unwrap();
            let began = Instant::now();
            // While a blocking task goes on, the clock stands still. It begins when the flush waits, and wakes no task.
            let (wakes, is_waking) = mpsc::channel();
            tokio::spawn(async move {
                drop(spawn_blocking(move || {
                    drop(go);
                    // Threads of other tests may have woken it before.
                    while is_called.recv_timeout(Duration::from_millis(1)).is_err() {
                        assert!(poll().is_pending(), "the thread has not woken it");
                    }
                    wakes.send(()).unwrap();
                }));
            });
            // An abandoned answer ends at once, and its handler hangs then.
            drop(answer);
            let report = callbacks.flush(PATIENCE).await;
            is_waking.try_recv().expect("the thread has not begun to wake flushes");
            assert!(report.is_complete());
            assert!(
                began.elapsed() <= Duration::from_secs(2),
                "{delivery:?}: {:?}",
                began.elapsed()
            );
        });
        drop(returns);
    }
}
