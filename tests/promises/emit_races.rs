//! Promise 2, order: other threads emit while the call runs and ends. The call waits for an event that
//! another thread is delivering, and is woken afterwards.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use futures::StreamExt;
use support::schedule::{
    Gate, Mode, Stuck, Way, counting, keep_run, kept, request, until, within, wrap,
};
use tokio_test::{assert_pending, task};
use tower::{Service, ServiceExt};
use tower_llm_callbacks::{
    Callbacks, Event, EventKind, Registration, on_event, on_event_async,
    testing::{Recorder, Script, assert_promises},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emit_may_race_with_the_end_of_the_run() {
    for round in 0..300 {
        let (run, keep) = keep_run();
        let recorders = [Recorder::new(), Recorder::new(), Recorder::new()];
        let callbacks = Callbacks::new()
            .add(keep)
            .inline(recorders[0].clone())
            .add(Registration::blocking(recorders[1].clone()).capacity(100_000))
            .add(Registration::async_handler(recorders[2].clone()).capacity(100_000));
        let (_, mut model) = wrap(&callbacks, counting(5));
        let answer = model.ready().await.unwrap().call(request()).await.unwrap();
        let run = kept(&run);
        let emitters: Vec<_> = (0..2)
            .map(|_| {
                let run = run.clone();
                thread::spawn(move || {
                    for emitted in 0..100 + round {
                        if let Err(error) = run.emit("more", 0) {
                            assert!(error.is_ended());
                            return emitted;
                        }
                    }
                    100 + round
                })
            })
            .collect();
        let items = within(answer.collect::<Vec<_>>()).await;
        assert_eq!(items.len(), 7);
        // Awaited handlers have now returned from the terminal, whichever thread emitted it.
        for recorder in &recorders {
            assert_eq!(recorder.terminals().len(), 1, "round {round}");
        }
        let emitted: u64 = emitters.into_iter().map(|emitter| emitter.join().unwrap()).sum();
        for recorder in &recorders {
            let events = recorder.events();
            assert_promises(&events);
            assert_eq!(events.len() as u64, 7 + emitted);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emit_lets_no_item_overtake_a_lockstep_handler() {
    for mode in [Mode::Blocking(Way::Lockstep), Mode::Async(Way::Lockstep)] {
        let handled = Arc::new(AtomicUsize::new(0));
        let counts = handled.clone();
        let count = move |event: &Event| {
            if event.kind() == EventKind::LlmNewToken {
                // Slow enough that an item that does not wait would be ahead.
                thread::sleep(Duration::from_micros(500));
                counts.fetch_add(1, Ordering::SeqCst);
            }
        };
        let handler = match mode {
            Mode::Blocking(_) => Registration::blocking(on_event(move |_, event| count(event))),
            _ => Registration::async_handler(on_event_async(move |_, event| {
                let count = count.clone();
                async move { count(&event) }
            })),
        };
        let (run, keep) = keep_run();
        let callbacks = Callbacks::new()
            .add(keep)
            .add(mode.way(handler).capacity(100_000))
            .inline(on_event(|_, _| thread::yield_now()));
        let (_, mut model) = wrap(&callbacks, counting(600));
        let mut answer = model.ready().await.unwrap().call(request()).await.unwrap();
        let run = kept(&run);
        let emitter = thread::spawn(move || {
            while run.emit("more", 0).is_ok() {
                thread::sleep(Duration::from_micros(20));
            }
        });
        let mut items = 0;
        while let Some(item) = within(answer.next()).await {
            if item.unwrap().content().is_some() {
                items += 1;
                assert_eq!(handled.load(Ordering::SeqCst), items, "{mode:?}");
            }
        }
        emitter.join().unwrap();
        assert_eq!(items, 600);
    }
}

#[tokio::test]
async fn the_end_waits_for_a_thread_that_emits() {
    // An inline handler is slow with an event that another thread emits.
    for mark in [true, false] {
        let gate = Gate::new();
        let (run, keep) = keep_run();
        let slow = Stuck::at(EventKind::Custom, &gate);
        let callbacks = Callbacks::new().add(keep).inline(slow.clone());
        let script = Script::new().respond().text("a");
        let script = if mark { script.complete("stop") } else { script.fail("broken") };
        let (_, mut model) = wrap(&callbacks, script);
        let mut answer = model.ready().await.unwrap().call(request()).await.unwrap();
        assert!(within(answer.next()).await.is_some());
        let emitted = thread::spawn({
            let run = kept(&run);
            move || run.emit("long", 0)
        });
        until(|| slow.recorder.kinds().contains(&EventKind::Custom)).await;

        let mut rest = task::spawn(answer.collect::<Vec<_>>());
        assert_pending!(rest.poll());
        assert!(slow.recorder.terminals().is_empty());
        gate.open();
        emitted.join().unwrap().unwrap();
        until(|| rest.is_woken()).await;
        within(rest).await;
        assert_promises(&slow.recorder.events());
        assert_eq!(slow.recorder.terminals().len(), 1);
    }
}

#[tokio::test]
async fn the_start_waits_for_a_thread_that_emits() {
    let gate = Gate::new();
    let start = Gate::new();
    let (run, keep) = keep_run();
    let slow = Stuck::at(EventKind::Custom, &gate);
    let held = Stuck::at(EventKind::LlmStart, &start);
    let callbacks = Callbacks::new().add(keep).inline(slow.clone()).async_handler(held.clone());
    let (scripted, mut model) = wrap(&callbacks, counting(1));
    let mut call = task::spawn(model.ready().await.unwrap().call(request()));
    assert_pending!(call.poll());
    let emitted = thread::spawn({
        let run = kept(&run);
        move || run.emit("long", 0)
    });
    until(|| slow.recorder.kinds().contains(&EventKind::Custom)).await;
    // The awaited handler receives the emitted event too: it is queued once the inline handler returns.
    start.open();
    until(|| held.returned.kinds() == [EventKind::LlmStart]).await;
    assert_pending!(call.poll());
    gate.open();
    emitted.join().unwrap().unwrap();
    until(|| call.is_woken()).await;
    drop(within(call).await.unwrap());
    assert_eq!(scripted.calls(), 1);
}
