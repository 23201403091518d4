//! Promise 5: blocking handlers run on threads of their own, in the runtime of the run, and no runtime waits for them.

use std::{
    collections::HashMap,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use futures::StreamExt;
use support::{FLAVORS, Faults, Flavor, Mode, PATIENCE, Recorders, call, on_each_runtime, read};
use tokio::{
    runtime::{Handle, Id},
    time::timeout,
};
use tower::Layer;
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Delivery, EventKind, Registration,
    layer::CallbackService,
    on_event,
    testing::{Script, ScriptedModel},
};
use uuid::Uuid;

const BLOCKING: [Mode; 3] = [
    Mode::Blocking(Delivery::Pipelined),
    Mode::Blocking(Delivery::Lockstep),
    Mode::Blocking(Delivery::Background),
];

fn model(callbacks: &Callbacks, script: Script) -> CallbackService<ScriptedModel> {
    CallbackLayer::new(callbacks.clone()).layer(ScriptedModel::new(script))
}

/// The names of this process's threads.
fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .collect()
}

/// A handler that hangs, until the test ends.
fn hangs(mode: Mode) -> (Registration, mpsc::Sender<()>) {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let handler = on_event(move |_, _| {
        let _ = released.lock().unwrap().recv();
    });
    (mode.deliver(Registration::blocking(handler)), release)
}

#[test]
fn dropping_a_runtime_does_not_wait_for_a_hung_handler() {
    for mode in BLOCKING {
        for flavor in FLAVORS {
            let (hangs, release) = hangs(mode);
            let callbacks = Callbacks::new().add(hangs);
            let runtime = flavor.runtime();
            runtime.block_on(async {
                let mut model = model(&callbacks, Script::answer(["a"]));
                let call = call(&mut model);
                assert!(
                    timeout(Duration::from_millis(20), call).await.is_err() || !mode.is_awaited()
                );
            });
            let began = Instant::now();
            drop(runtime);
            assert!(began.elapsed() < PATIENCE / 2, "{mode:?}, {flavor:?}");
            drop(release);
        }
    }
}

/// Nor for the runs of another runtime that share the set.
#[test]
fn dropping_a_runtime_does_not_wait_for_the_runs_of_another() {
    for mode in BLOCKING {
        let (hangs, release) = hangs(mode);
        let callbacks = Callbacks::new().add(hangs);
        let other = Flavor::Multi.runtime();
        let in_other = model(&callbacks, Script::answer(["a"]));
        let hung = other.spawn(async move { call(&mut in_other.clone()).await.map(drop) });
        let runtime = Flavor::Multi.runtime();
        runtime.block_on(async {
            let mut model = model(&callbacks, Script::answer(["a"]));
            let _ = timeout(Duration::from_millis(5), call(&mut model)).await;
        });
        let began = Instant::now();
        drop(runtime);
        assert!(began.elapsed() < PATIENCE / 2, "{mode:?}");
        hung.abort();
        drop(release);
        drop(other);
    }
}

/// Each event is handled in the runtime of its own run, where futures can be blocked on.
#[test]
fn events_are_handled_in_the_runtime_of_their_run() {
    for mode in BLOCKING {
        let seen: Arc<Mutex<HashMap<Uuid, Vec<Id>>>> = Arc::default();
        let saw = Arc::clone(&seen);
        let handler = mode.closure(move |run, _| {
            let runtime = Handle::current();
            runtime.block_on(tokio::time::sleep(Duration::from_millis(1)));
            saw.lock().unwrap().entry(run.run_id()).or_default().push(runtime.id());
        });
        let callbacks = Callbacks::new().add(handler.threads(1));
        let mut expected = Vec::new();
        let callers: Vec<_> = (0..4)
            .map(|number| {
                let callbacks = callbacks.clone();
                thread::spawn(move || {
                    let runtime = FLAVORS[number % 2].runtime();
                    runtime.block_on(async {
                        for _ in 0..3 {
                            read(
                                call(&mut model(&callbacks, Script::answer(["a", "b"])))
                                    .await
                                    .unwrap(),
                            )
                            .await;
                        }
                        assert!(callbacks.flush(PATIENCE).await.is_complete());
                    });
                    runtime.handle().id()
                })
            })
            .collect();
        for caller in callers {
            expected.push(caller.join().unwrap());
        }
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 12);
        for ids in seen.values() {
            assert!(ids.iter().all(|id| *id == ids[0]) && expected.contains(&ids[0]), "{mode:?}");
        }
    }
}

/// The set's own runtime comes first.
#[test]
fn events_are_handled_in_the_runtime_of_the_set() {
    let own = Flavor::Multi.runtime();
    let seen = Arc::new(Mutex::new(None));
    let saw = Arc::clone(&seen);
    let handler = on_event(move |_, _| *saw.lock().unwrap() = Some(Handle::current().id()));
    let callbacks = Callbacks::new().blocking(handler).runtime(own.handle().clone());
    Flavor::Current.runtime().block_on(async {
        read(call(&mut model(&callbacks, Script::answer(["a"]))).await.unwrap()).await;
    });
    assert_eq!(*seen.lock().unwrap(), Some(own.handle().id()));
}

/// What follows a runtime's shutdown is handled in no runtime, and nothing panics.
#[test]
fn events_after_a_shutdown_are_handled_in_no_runtime() {
    for mode in BLOCKING {
        for flavor in FLAVORS {
            let (faults, terminals) = (Faults::default(), Arc::new(AtomicUsize::new(0)));
            let (ended, inside) = (Arc::clone(&terminals), Arc::new(AtomicBool::new(false)));
            let in_runtime = Arc::clone(&inside);
            let handler = mode.closure(move |_, event| {
                if event.kind().is_terminal() {
                    if let Ok(runtime) = Handle::try_current() {
                        in_runtime.store(true, Ordering::SeqCst);
                        // What a handler does in its runtime would panic now.
                        runtime.block_on(tokio::time::sleep(Duration::from_millis(1)));
                    }
                    ended.fetch_add(1, Ordering::SeqCst);
                }
            });
            let callbacks = Callbacks::new().on_fault(faults.hook()).add(handler);
            // One stream is dropped with its runtime, the other afterwards.
            let runtime = flavor.runtime();
            let script = || Script::new().respond().text("a").hang();
            let mut kept = runtime.block_on(async {
                let mut dropped = call(&mut model(&callbacks, script())).await.unwrap();
                tokio::spawn(async move { while dropped.next().await.is_some() {} });
                call(&mut model(&callbacks, script())).await.unwrap()
            });
            runtime.block_on(async { kept.next().await.unwrap().unwrap() });
            drop(runtime);
            drop(kept);
            support::until_blocking(|| terminals.load(Ordering::SeqCst) == 2);
            assert!(!inside.load(Ordering::SeqCst), "{mode:?}, {flavor:?}");
            faults.none();
        }
    }
}

/// The runtime's blocking pool is full, or belongs to others: that changes nothing.
#[test]
fn a_full_blocking_pool_changes_nothing() {
    for mode in BLOCKING {
        for flavor in FLAVORS {
            let mut builder = flavor.builder();
            let runtime = builder.enable_all().max_blocking_threads(1).build().unwrap();
            let (release, released) = mpsc::channel::<()>();
            runtime.spawn_blocking(move || released.recv());
            let recorders = support::Recorders::new(&[mode]);
            runtime.block_on(async {
                let (_, mut model) = recorders.model(Script::answer(["a"]));
                read(timeout(PATIENCE, call(&mut model)).await.unwrap().unwrap()).await;
                recorders.ended(None).await;
            });
            drop(release);
        }
    }
}

/// And hung background handlers do not take the pool from the application.
#[test]
fn a_hung_handler_leaves_the_blocking_pool_alone() {
    let mut builder = Flavor::Multi.builder();
    let runtime = builder.enable_all().max_blocking_threads(1).build().unwrap();
    let (hangs, release) = hangs(Mode::Blocking(Delivery::Background));
    let callbacks = Callbacks::new().add(hangs);
    runtime.block_on(async {
        read(call(&mut model(&callbacks, Script::answer(["a"]))).await.unwrap()).await;
        let file = timeout(PATIENCE, tokio::fs::read("/proc/self/comm")).await;
        assert!(!file.expect("the pool is blocked").unwrap().is_empty());
    });
    drop(release);
}

/// Threads have the name of their handler, and end when they idle.
#[test]
fn threads_are_named_and_end() {
    on_each_runtime(|| async {
        let handler = Registration::blocking(on_event(|_, _| ())).name("billing");
        let callbacks = Callbacks::new().add(handler);
        read(call(&mut model(&callbacks, Script::answer(["a"]))).await.unwrap()).await;
        assert!(threads().iter().any(|name| name == "billing"), "{:?}", threads());
        timeout(PATIENCE, support::until(|| threads().iter().all(|name| name != "billing")))
            .await
            .expect("the thread does not end");
    });
}

/// 10,000 calls over 100 short runtimes that share one set.
#[test]
fn many_short_runtimes_share_a_set() {
    let counts: Arc<Mutex<HashMap<Uuid, [u32; 2]>>> = Arc::default();
    let counted = Arc::clone(&counts);
    let count = move |run: &tower_llm_callbacks::Run, event: &tower_llm_callbacks::Event| {
        let mut counts = counted.lock().unwrap();
        let [starts, ends] = counts.entry(run.run_id()).or_default();
        *starts += u32::from(event.kind() == EventKind::LlmStart);
        *ends += u32::from(event.kind().is_terminal());
    };
    let handler = Registration::blocking(on_event(count)).name("short");
    let callbacks = Callbacks::new().add(handler);
    for number in 0..100 {
        let runtime = FLAVORS[number % 2].runtime();
        runtime.block_on(async {
            let calls = (0..100).map(|call_number| {
                let script = Script::new().respond().text("a").text("b");
                let script =
                    if call_number % 4 == 0 { script.hang() } else { script.complete("stop") };
                let mut model = model(&callbacks, script);
                tokio::spawn(async move {
                    let mut answer = call(&mut model).await.unwrap();
                    while answer.next().await.is_some() {}
                })
            });
            let calls: Vec<_> = calls.collect();
            // Those that hang are dropped with the runtime.
            for (call_number, call) in calls.into_iter().enumerate() {
                if call_number % 4 != 0 {
                    timeout(PATIENCE, call).await.expect("a call hangs").unwrap();
                }
            }
        });
    }
    assert!(callbacks.flush_blocking(PATIENCE).is_complete());
    let counts = counts.lock().unwrap();
    assert_eq!(counts.len(), 10_000);
    assert!(counts.values().all(|count| *count == [1, 1]), "one start and one terminal each");
    support::until_blocking(|| threads().iter().all(|name| name != "short"));
}

/// What is queued when the runtime shuts down is handled in no runtime, though the thread is in the middle of the queue.
#[test]
fn queued_events_after_a_shutdown_are_handled_in_no_runtime() {
    for mode in BLOCKING.into_iter().filter(|mode| *mode != Mode::Blocking(Delivery::Lockstep)) {
        let (faults, inside) = (Faults::default(), Arc::new(AtomicBool::new(false)));
        let (entered, is_entered) = mpsc::channel();
        let (gone, is_gone) = mpsc::channel::<()>();
        let (in_runtime, is_gone) = (Arc::clone(&inside), Mutex::new(is_gone));
        let tokens = AtomicUsize::new(0);
        let handler = mode.closure(move |_, event| {
            if event.kind() == EventKind::LlmNewToken && tokens.fetch_add(1, Ordering::SeqCst) == 0
            {
                entered.send(()).unwrap();
                is_gone.lock().unwrap().recv().unwrap();
            } else if tokens.load(Ordering::SeqCst) > 0
                && let Ok(runtime) = Handle::try_current()
            {
                in_runtime.store(true, Ordering::SeqCst);
                // What a handler does in its runtime would panic now.
                runtime.block_on(tokio::time::sleep(Duration::from_millis(1)));
            }
        });
        let callbacks = Callbacks::new().on_fault(faults.hook()).add(handler);
        let runtime = Flavor::Multi.runtime();
        let script = Script::new().respond().text("a").text("b").text("c").hang();
        let kept = runtime.block_on(async {
            let mut answer = call(&mut model(&callbacks, script)).await.unwrap();
            for _ in 0..3 {
                answer.next().await.unwrap().unwrap();
            }
            answer
        });
        is_entered.recv().unwrap();
        drop(runtime);
        gone.send(()).unwrap();
        drop(kept);
        assert!(callbacks.flush_blocking(PATIENCE).is_complete());
        faults.none();
        assert!(!inside.load(Ordering::SeqCst), "{mode:?}");
    }
}

/// Nothing of the crate panics in a runtime without timers, not even where that would be caught: a hook of panics may end
/// the process.
#[test]
fn no_timer_is_asked_for() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.payload().downcast_ref::<String>().cloned());
        if text.is_some_and(|text| text.contains("timers are disabled")) {
            ASKED.fetch_add(1, Ordering::Relaxed);
        }
        before(panic);
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for mode in Mode::ALL {
        let recorders = Recorders::new(&[mode]);
        runtime.block_on(async {
            let model = recorders.layer().layer(ScriptedModel::new(Script::answer(["a", "b"])));
            support::read(model.oneshot(support::request()).await.unwrap()).await;
            while recorders.callbacks.stats()[0].undelivered_events > 0 {
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(recorders.each[0].1.events().len(), 4, "{mode:?}");
        recorders.faults.none();
    }
    assert_eq!(ASKED.load(Ordering::Relaxed), 0);
}
