//! Promise 5: a handler that keeps failing is suspended, probed, and comes back.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use support::{Faults, MODES, Mode, PATIENCE, call, in_each_mode, on_each_runtime, read};
use tokio::time::{Instant, sleep_until};
use tower::{BoxError, Layer};
use tower_llm_callbacks::{
    AsyncCallbackHandler, CallbackHandler, CallbackLayer, Callbacks, Event, EventMask, Fault,
    FaultKind, Registration, Run,
    callbacks::Suspension,
    testing::{Script, ScriptedModel},
};

/// Fails while it is broken: hangs, or returns an error.
#[derive(Clone, Default)]
struct Fragile {
    broken: Arc<AtomicBool>,
    hangs: bool,
    runs: Arc<AtomicUsize>,
}

impl Fragile {
    fn new(hangs: bool) -> Self {
        let fragile = Self { hangs, ..Self::default() };
        fragile.broken.store(true, Ordering::SeqCst);
        fragile
    }

    fn is_broken(&self, event: &Event) -> bool {
        if event.kind().is_start() {
            self.runs.fetch_add(1, Ordering::SeqCst);
        }
        self.broken.load(Ordering::SeqCst)
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

impl CallbackHandler for Fragile {
    fn try_on_event(&self, _run: &Run, event: &Event) -> Result<(), BoxError> {
        match (self.is_broken(event), self.hangs) {
            (false, _) => Ok(()),
            (true, false) => Err("no disk".into()),
            (true, true) => {
                support::until_blocking(|| !self.broken.load(Ordering::SeqCst));
                Ok(())
            }
        }
    }
}

impl AsyncCallbackHandler for Fragile {
    async fn try_on_event(&self, _run: &Run, event: &Event) -> Result<(), BoxError> {
        match (self.is_broken(event), self.hangs) {
            (false, _) => Ok(()),
            (true, false) => Err("no disk".into()),
            (true, true) => pending().await,
        }
    }
}

struct Calls {
    callbacks: Callbacks,
    faults: Faults,
}

impl Calls {
    fn new(handler: Registration) -> Self {
        let faults = Faults::default();
        let callbacks = Callbacks::new().on_fault(faults.hook()).add(handler.name("fragile"));
        Self { callbacks, faults }
    }

    /// Makes a call, and returns how long it took.
    async fn one(&self) -> Duration {
        let mut model = CallbackLayer::new(self.callbacks.clone())
            .layer(ScriptedModel::new(Script::answer(["a"])));
        let began = Instant::now();
        read(call(&mut model).await.unwrap()).await;
        let took = began.elapsed();
        assert!(self.callbacks.flush(PATIENCE).await.is_complete());
        took
    }

    fn suspended(&self) -> usize {
        self.faults.all().iter().filter(|fault| fault.kind == FaultKind::Suspended).count()
    }
}

const DEADLINE: Duration = Duration::from_millis(40);

/// Hung handlers cost the first calls their deadline, and later ones nothing.
#[test]
fn a_hung_handler_is_suspended() {
    in_each_mode(|mode| async move {
        if mode == Mode::Inline {
            return;
        }
        let fragile = Fragile::new(true);
        let handler = mode.handler(fragile.clone()).deadline(DEADLINE);
        let far = Suspension::default().probe(Duration::from_secs(3600), Duration::from_secs(3600));
        let calls = Calls::new(handler.suspension(far));
        for _ in 0..3 {
            let took = calls.one().await;
            assert!(took >= DEADLINE || !mode.is_awaited(), "{mode:?}: {took:?}");
        }
        for _ in 0..20 {
            calls.one().await;
        }
        assert_eq!((fragile.runs(), calls.suspended()), (3, 1), "{mode:?}");
        assert_eq!(calls.faults.all().len(), 4);
        let stats = calls.callbacks.stats().remove(0);
        assert!(stats.suspended);
        assert_eq!(stats.skipped_runs, 20);
        fragile.broken.store(false, Ordering::SeqCst);
    });
}

/// It is probed after a pause that doubles, without making a call wait, and comes back with its next success.
#[test]
fn a_suspended_handler_is_probed_and_comes_back() {
    for mode in MODES {
        // With paused time where no thread hangs.
        let runtime = support::Flavor::Current.builder().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let fragile = Fragile::new(mode.is_async());
            let second = Duration::from_secs(1);
            let handler = mode.handler(fragile.clone()).deadline(second);
            let calls = Calls::new(
                handler.suspension(Suspension::after(2).probe(10 * second, 30 * second)),
            );
            calls.one().await;
            // Pauses are counted from a failure, at most two seconds later, and not from the end of a flush.
            let mut since = Instant::now();
            calls.one().await;
            assert_eq!((fragile.runs(), calls.suspended()), (2, 1), "{mode:?}");
            for pause in [10, 20, 30, 30] {
                let before = fragile.runs();
                sleep_until(since + pause * second - 2 * second).await;
                calls.one().await;
                assert_eq!(fragile.runs(), before, "{mode:?}: before {pause} s");
                sleep_until(since + pause * second + 2 * second).await;
                since = Instant::now();
                // The probe does not make its call wait.
                assert_eq!(calls.one().await, Duration::ZERO, "{mode:?}");
                assert_eq!(fragile.runs(), before + 1, "{mode:?}: after {pause} s");
                calls.one().await;
                assert_eq!(fragile.runs(), before + 1, "one probe at a time");
            }
            assert_eq!(calls.suspended(), 1, "reported once");
            fragile.broken.store(false, Ordering::SeqCst);
            tokio::time::sleep(31 * second).await;
            let before = fragile.runs();
            for _ in 0..3 {
                calls.one().await;
            }
            assert_eq!(fragile.runs(), before + 3, "{mode:?}: it is back");
            assert!(!calls.callbacks.stats()[0].suspended);
            fragile.broken.store(true, Ordering::SeqCst);
            for _ in 0..3 {
                calls.one().await;
            }
            assert_eq!(calls.suspended(), 2, "reported again");
            fragile.broken.store(false, Ordering::SeqCst);
        });
    }
}

/// A handler that does not want the terminal event comes back too: it got through the run.
#[test]
fn a_handler_without_terminal_events_comes_back() {
    let runtime = support::Flavor::Current.builder().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        for mode in MODES {
            let fragile = Fragile::new(false);
            let handler = mode.handler(fragile.clone()).event_mask(EventMask::LLM_START);
            let calls = Calls::new(handler.suspension(Suspension::after(1)));
            calls.one().await;
            assert_eq!((fragile.runs(), calls.suspended()), (1, 1), "{mode:?}");
            fragile.broken.store(false, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(2)).await;
            for _ in 0..3 {
                calls.one().await;
            }
            assert_eq!(fragile.runs(), 4, "{mode:?}: it is back");
        }
    });
}

/// A success in between begins the row anew.
#[test]
fn only_failures_in_a_row_count() {
    in_each_mode(|mode| async move {
        let fragile = Fragile::new(false);
        let calls = Calls::new(mode.handler(fragile.clone()));
        for number in 0..12 {
            fragile.broken.store(number % 3 != 2, Ordering::SeqCst);
            calls.one().await;
        }
        assert_eq!((fragile.runs(), calls.suspended()), (12, 0), "{mode:?}");
    });
}

#[test]
fn suspension_is_off_with_one_call_and_for_handlers_that_abort() {
    in_each_mode(|mode| async move {
        for off in [
            |handler: Registration| handler.suspension(None),
            |handler: Registration| handler.suspension(Suspension::after(1)).abort_on_fault(),
        ] {
            let fragile = Fragile::new(false);
            let calls = Calls::new(off(mode.handler(fragile.clone())));
            for _ in 0..6 {
                let mut model = CallbackLayer::new(calls.callbacks.clone())
                    .layer(ScriptedModel::new(Script::answer(["a"])));
                if let Ok(answer) = call(&mut model).await {
                    read(answer).await;
                }
                assert!(calls.callbacks.flush(PATIENCE).await.is_complete());
            }
            assert_eq!((fragile.runs(), calls.suspended()), (6, 0), "{mode:?}");
        }
    });
}

/// Many calls at once, while the handler breaks and recovers: each run that has the handler sees all of it or a prefix
/// with one fault, and the handler comes back.
#[test]
fn suspension_under_concurrent_calls() {
    on_each_runtime(|| async {
        for mode in MODES {
            let fragile = Fragile::new(false);
            let probes =
                Suspension::after(2).probe(Duration::from_millis(1), Duration::from_millis(4));
            let calls = Arc::new(Calls::new(mode.handler(fragile.clone()).suspension(probes)));
            let tasks = (0..200).map(|number| {
                let (calls, broken) = (Arc::clone(&calls), Arc::clone(&fragile.broken));
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(number / 10)).await;
                    broken.store(number % 40 < 20, Ordering::SeqCst);
                    calls.one().await;
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
            fragile.broken.store(false, Ordering::SeqCst);
            let back = support::until(|| {
                thread::yield_now();
                !calls.callbacks.stats()[0].suspended
            });
            let probing = async {
                loop {
                    calls.one().await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! { () = back => {}, () = probing => {} }
            // The last probing call may have been dropped midway.
            assert!(calls.callbacks.flush(PATIENCE).await.is_complete());
            let before = fragile.runs();
            calls.one().await;
            assert_eq!(fragile.runs(), before + 1, "{mode:?}: it is back");
        }
    });
}

/// A handler that returns after its deadline has not got through the run.
#[test]
fn a_late_return_is_no_success() {
    let far = Suspension::after(3).probe(Duration::from_secs(3600), Duration::from_secs(3600));
    for mode in MODES.into_iter().filter(|mode| *mode != Mode::Inline) {
        support::Flavor::Multi.runtime().block_on(async {
            let (let_go, returned) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (goes, returns) = (Arc::clone(&let_go), Arc::clone(&returned));
            let late = mode.closure(move |_, event| {
                if event.kind().is_terminal() {
                    let before = returns.load(Ordering::SeqCst);
                    support::until_blocking(|| goes.load(Ordering::SeqCst) > before);
                    returns.store(before + 1, Ordering::SeqCst);
                }
            });
            let calls = Calls::new(late.deadline(DEADLINE).suspension(far));
            for number in 1..=3 {
                let callbacks = calls.callbacks.clone();
                let one = tokio::spawn(async move {
                    let mut model = CallbackLayer::new(callbacks)
                        .layer(ScriptedModel::new(Script::answer(["a"])));
                    read(call(&mut model).await.unwrap()).await;
                });
                let late = |fault: &&Fault| fault.kind == FaultKind::DeadlineExceeded;
                let faults = || calls.faults.all().iter().filter(late).count();
                support::until(|| faults() == number).await;
                let_go.store(number, Ordering::SeqCst);
                support::until(|| returned.load(Ordering::SeqCst) == number).await;
                one.await.unwrap();
                assert!(calls.callbacks.flush(PATIENCE).await.is_complete());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert!(calls.callbacks.stats()[0].suspended, "{mode:?}");
        });
    }
}

/// A probe without an event for the handler shows nothing. The next run is a probe.
#[test]
fn a_probe_without_events_is_no_failure() {
    let runtime = support::Flavor::Current.builder().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        for mode in MODES {
            let fragile = Fragile::new(false);
            let handler = mode.handler(fragile.clone()).event_mask(EventMask::LLM_ERROR);
            let second = Duration::from_secs(1);
            let calls =
                Calls::new(handler.suspension(Suspension::after(1).probe(second, 60 * second)));
            let fails = || async {
                let script = Script::new().respond().text("a").fail("cut");
                let mut model =
                    CallbackLayer::new(calls.callbacks.clone()).layer(ScriptedModel::new(script));
                read(call(&mut model).await.unwrap()).await;
                assert!(calls.callbacks.flush(PATIENCE).await.is_complete());
            };
            fails().await;
            assert_eq!(calls.suspended(), 1, "{mode:?}");
            for _ in 0..7 {
                tokio::time::sleep(61 * second).await;
                calls.one().await;
            }
            assert!(calls.callbacks.stats()[0].suspended, "{mode:?}: nothing was shown");
            fragile.broken.store(false, Ordering::SeqCst);
            fails().await;
            assert!(!calls.callbacks.stats()[0].suspended, "{mode:?}: it is back");
        }
    });
}

/// A probe that hangs for long does not keep the handler suspended.
#[test]
fn an_endless_probe_is_followed_by_another() {
    let runtime = support::Flavor::Current.builder().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let fragile = Fragile::new(false);
        let second = Duration::from_secs(1);
        let suspension = Suspension::after(1).probe(second, 4 * second);
        let handler = Mode::Inline.handler(fragile.clone());
        let calls = Calls::new(handler.suspension(suspension));
        calls.one().await;
        fragile.broken.store(false, Ordering::SeqCst);
        tokio::time::sleep(2 * second).await;
        let hangs = ScriptedModel::new(Script::new().respond().hang());
        let _open = call(&mut CallbackLayer::new(calls.callbacks.clone()).layer(hangs)).await;
        assert_eq!(fragile.runs(), 2, "the probe");
        calls.one().await;
        assert_eq!(fragile.runs(), 2, "one probe at a time");
        tokio::time::sleep(5 * second).await;
        calls.one().await;
        assert_eq!(fragile.runs(), 3);
        assert!(!calls.callbacks.stats()[0].suspended);
    });
}
