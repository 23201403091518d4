//! Promise 2, order: a handler sees start, tokens in order, terminal, nothing after it, and never two events
//! of one run at once. Different runs are concurrent.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use support::schedule::{
    Gate, Mode, Stuck, ask, counting, flushed, on_both_runtimes, request, within, wrap,
};
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceExt};
use tower_llm_callbacks::{
    Callbacks, EventKind, Registration, RunConfig, on_event, on_event_async, on_llm_new_token,
    testing::{Recorder, Script, assert_promises},
};

#[test]
fn start_tokens_and_terminal_come_in_order_in_every_mode() {
    for mode in Mode::ALL {
        on_both_runtimes(async || {
            let recorder = Recorder::new();
            // A capacity at which the stream has to wait now and then.
            let callbacks = Callbacks::new().add(mode.handler(recorder.clone()).capacity(300));
            let (_, mut model) = wrap(&callbacks, counting(300));
            ask(&mut model).await.unwrap();
            flushed(&callbacks).await;

            let events = recorder.events();
            assert_promises(&events);
            assert_eq!(events.len(), 302, "{mode:?}");
            assert_eq!(events[0].kind(), EventKind::LlmStart);
            assert_eq!(events[301].kind(), EventKind::LlmEnd);
            let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
            assert_eq!(seqs, (0..302).collect::<Vec<_>>());
            let text: String = (0..300).map(|n| format!("{n} ")).collect();
            assert_eq!(recorder.text(), text);
        });
    }
}

#[test]
fn events_of_one_run_never_overlap() {
    // The recorder notices an overlap only inside itself: here the handler itself takes time.
    for mode in Mode::ALL {
        on_both_runtimes(async || {
            let inside = Arc::new(AtomicUsize::new(0));
            let most = Arc::new(AtomicUsize::new(0));
            let counts = (inside.clone(), most.clone());
            let enter = move || {
                counts.1.fetch_max(counts.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst)
            };
            let leave = {
                let inside = inside.clone();
                move || inside.fetch_sub(1, Ordering::SeqCst)
            };
            let handler = match mode {
                Mode::Inline => Registration::inline(on_event(move |_, _| {
                    enter();
                    thread::yield_now();
                    leave();
                })),
                Mode::Blocking(_) => Registration::blocking(on_event(move |_, _| {
                    enter();
                    thread::sleep(Duration::from_micros(20));
                    leave();
                })),
                Mode::Async(_) => Registration::async_handler(on_event_async(move |_, _| {
                    enter();
                    let leave = leave.clone();
                    async move {
                        tokio::task::yield_now().await;
                        leave();
                    }
                })),
            };
            let callbacks = Callbacks::new().add(mode.way(handler));
            let (_, mut model) = wrap(&callbacks, counting(200));
            ask(&mut model).await.unwrap();
            flushed(&callbacks).await;
            assert_eq!(most.load(Ordering::SeqCst), 1, "{mode:?}");
            assert_eq!(inside.load(Ordering::SeqCst), 0);
        });
    }
}

#[tokio::test(start_paused = true)]
async fn an_async_handler_sleeping_in_one_run_does_not_delay_others() {
    const LONG: Duration = Duration::from_secs(3_600);
    for mode in Mode::ALL.into_iter().filter(|mode| matches!(mode, Mode::Async(_))) {
        let done = Recorder::new();
        let handler = on_event_async(move |run, _| async move {
            if run.name() == "slow" {
                sleep(LONG).await;
            }
        });
        let handler = mode.way(Registration::async_handler(handler).deadline(Duration::MAX));
        let callbacks = Callbacks::new().add(handler).inline(done.clone());
        let (_, model) = wrap(&callbacks, counting(3));

        let begun = Instant::now();
        let mut slow = model.clone();
        let slow = tokio::spawn(RunConfig::new().run_name("slow").scope(async move {
            ask(&mut slow).await.unwrap();
        }));
        tokio::task::yield_now().await;
        let mut fast = model.clone();
        for _ in 0..10 {
            ask(&mut fast).await.unwrap();
        }
        assert_eq!(begun.elapsed(), Duration::ZERO, "{mode:?}");
        assert_eq!(done.run_ids().len(), 11, "{mode:?}: the slow run had started");

        slow.await.unwrap();
        assert!(callbacks.flush(LONG * 6).await.is_complete());
        assert!(begun.elapsed() >= LONG, "{mode:?}: the slow run was slow");
        assert_promises(&done.events());
    }
}

#[tokio::test]
async fn a_blocking_handler_blocked_in_one_run_does_not_delay_others() {
    let gate = Gate::new();
    let recorder = Recorder::new();
    let (waiter, record) = (gate.waiter(), recorder.clone());
    let handler = on_event(move |run, event| {
        if run.name() == "slow" {
            waiter.wait();
        }
        tower_llm_callbacks::CallbackHandler::on_event(&record, run, event);
    });
    let all = Recorder::new();
    let handler = Registration::blocking(handler).threads(2);
    let callbacks = Callbacks::new().add(handler).inline(all.clone());
    let (_, model) = wrap(&callbacks, counting(3));

    let mut slow = model.clone();
    let slow = tokio::spawn(RunConfig::new().run_name("slow").scope(async move {
        ask(&mut slow).await.unwrap();
    }));
    support::schedule::until(|| !all.events().is_empty()).await;
    let mut fast = model;
    for _ in 0..10 {
        within(ask(&mut fast)).await.unwrap();
    }
    assert_eq!(recorder.run_ids().len(), 10);
    assert!(!slow.is_finished());

    gate.open();
    within(slow).await.unwrap();
    assert_eq!(recorder.run_ids().len(), 11);
    assert_promises(&recorder.events());
}

/// Counts concurrent entries into a handler.
#[derive(Default)]
struct Entries {
    inside: AtomicUsize,
    most: AtomicUsize,
    threads: Mutex<HashMap<thread::ThreadId, usize>>,
}

impl Entries {
    fn enter(&self, during: impl FnOnce()) {
        let now = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        *self.threads.lock().unwrap().entry(thread::current().id()).or_default() += 1;
        during();
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_runs_share_sixteen_threads() {
    let entries = Arc::new(Entries::default());
    let seen = entries.clone();
    let slow = on_event(move |_, _| seen.enter(|| thread::sleep(Duration::from_millis(10))));
    let recorder = Recorder::new();
    let callbacks = Callbacks::new().blocking(slow).blocking(recorder.clone());
    let (_, model) = wrap(&callbacks, counting(1));

    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let mut model = model.clone();
            tokio::spawn(async move { ask(&mut model).await.unwrap().len() })
        })
        .collect();
    for call in calls {
        assert_eq!(within(call).await.unwrap(), 3);
    }
    assert!(entries.most() <= 16, "{} at once", entries.most());
    assert!(entries.most() > 1, "different runs are concurrent");
    assert_eq!(recorder.run_ids().len(), 1_000);
    assert_promises(&recorder.events());
    // The threads have run nothing but the slow handler.
    assert_eq!(entries.threads.lock().unwrap().values().sum::<usize>(), 3_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_with_all_threads_stuck_does_not_delay_other_handlers() {
    let gate = Gate::new();
    let entries = Arc::new(Entries::default());
    let (seen, waiter) = (entries.clone(), gate.waiter());
    let stuck = on_event(move |_, _| seen.enter(|| waiter.wait()));
    let recorders = [Recorder::new(), Recorder::new()];
    let callbacks = Callbacks::new()
        .add(Registration::blocking(stuck).background())
        .blocking(recorders[0].clone())
        .async_handler(recorders[1].clone());
    let (_, model) = wrap(&callbacks, counting(2));

    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let mut model = model.clone();
            tokio::spawn(async move { ask(&mut model).await.unwrap().len() })
        })
        .collect();
    for call in calls {
        within(call).await.unwrap();
    }
    for recorder in &recorders {
        assert_eq!(recorder.terminals().len(), 1_000);
        assert_promises(&recorder.events());
    }
    support::schedule::until(|| entries.inside.load(Ordering::SeqCst) == 16).await;
    assert_eq!(entries.most(), 16);
    gate.open();
    flushed(&callbacks).await;
    assert_eq!(entries.threads.lock().unwrap().values().sum::<usize>(), 4_000);
    assert!(entries.most() <= 16);
}

#[tokio::test]
async fn nothing_comes_after_the_terminal() {
    for mode in Mode::ALL {
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().add(mode.handler(recorder.clone()));
        let script = Script::answer(["a", "b"]).text("late").fail("later").text("last");
        let (_, mut model) = wrap(&callbacks, script);
        let items = within(ask(&mut model)).await.unwrap();
        assert_eq!(items.len(), 7, "{mode:?}: the consumer gets every item");
        flushed(&callbacks).await;
        assert_eq!(recorder.text(), "ab", "{mode:?}");
        assert_eq!(recorder.kinds().last(), Some(&EventKind::LlmEnd), "{mode:?}");
        assert_promises(&recorder.events());
    }
}

#[tokio::test]
async fn a_blocking_handler_keeps_its_order_when_its_thread_alternates_between_runs() {
    // With more than 64 events of a run queued while others wait, a run yields the only thread.
    let gate = Gate::new();
    let stuck = Stuck::at(EventKind::LlmStart, &gate);
    let handler = Registration::blocking(stuck.clone()).background().threads(1).capacity(1_000);
    let callbacks = Callbacks::new().add(handler);
    let (_, mut model) = wrap(&callbacks, counting(500));
    for _ in 0..4 {
        within(ask(&mut model)).await.unwrap();
    }
    gate.open();
    flushed(&callbacks).await;
    let events = stuck.recorder.events();
    assert_promises(&events);
    assert_eq!(events.len(), 4 * 502);
    let first_end = events.iter().position(|event| event.kind().is_terminal()).unwrap();
    let begun = events[..first_end].iter().filter(|event| event.kind().is_start()).count();
    assert_eq!(begun, 4, "every run has a turn before the first one ends");
}

#[tokio::test]
async fn events_of_a_dropped_stream_come_in_order() {
    for mode in Mode::ALL {
        let recorder = Recorder::new();
        let tokens = Arc::new(AtomicUsize::new(0));
        let seen = tokens.clone();
        let callbacks = Callbacks::new().add(mode.handler(recorder.clone())).inline(
            on_llm_new_token(move |_, _| {
                seen.fetch_add(1, Ordering::SeqCst);
            }),
        );
        let (_, mut model) = wrap(&callbacks, counting(50));
        let mut answer = model.ready().await.unwrap().call(request()).await.unwrap();
        for _ in 0..20 {
            within(futures::StreamExt::next(&mut answer)).await.unwrap().unwrap();
        }
        drop(answer);
        flushed(&callbacks).await;
        assert_promises(&recorder.events());
        assert_eq!(recorder.kinds().len(), 22, "{mode:?}");
        assert_eq!(tokens.load(Ordering::SeqCst), 20);
    }
}
