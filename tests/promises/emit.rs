//! Promise 2, order: custom events take their place among a run's other events, wherever they are emitted.
//! After the terminal, `emit` fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use futures::StreamExt;
use serde_json::json;
use support::schedule::{
    Gate, Mode, Stuck, Way, ask, counting, flushed, keep_run, kept, request, until, within, wrap,
};
use tokio_test::{assert_ready, task};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, Event, EventData, EventKind, Registration, Run,
    chat::ChatRequest,
    emit, on_event, on_event_async,
    testing::{Recorded, Recorder, ScriptedModel, assert_promises},
};

/// Emits an event that names the event being handled.
fn echo(run: &Run, event: &Event) {
    let name = match event.kind() {
        EventKind::LlmStart => "start",
        EventKind::LlmNewToken => "token",
        _ => return,
    };
    run.emit(name, event.seq()).unwrap();
}

fn custom(event: &Recorded) -> Option<(&str, u64)> {
    match &event.data {
        EventData::Custom(custom) => Some((&custom.name, custom.value.as_u64()?)),
        _ => None,
    }
}

#[tokio::test]
async fn an_inline_handlers_event_follows_the_event_being_handled() {
    let (before, after) = (Recorder::new(), Recorder::new());
    let callbacks = Callbacks::new()
        .inline(before.clone())
        .inline(on_event(echo))
        .inline(after.clone())
        .blocking(Recorder::new());
    let (_, mut model) = wrap(&callbacks, counting(20));
    within(ask(&mut model)).await.unwrap();
    for recorder in [before, after] {
        let events = recorder.events();
        assert_promises(&events);
        assert_eq!(events.len(), 2 * 21 + 1);
        for pair in events[..42].chunks(2) {
            let (_, seq) = custom(&pair[1]).expect("every second event is a custom event");
            assert_eq!((seq, pair[1].seq), (pair[0].seq, pair[0].seq + 1));
        }
    }
}

#[tokio::test]
async fn a_queued_handlers_event_follows_the_event_being_handled_for_all() {
    for mode in [
        Mode::Blocking(Way::Pipelined),
        Mode::Blocking(Way::Lockstep),
        Mode::Async(Way::Pipelined),
        Mode::Async(Way::Lockstep),
    ] {
        let emitter = match mode {
            Mode::Blocking(_) => Registration::blocking(on_event(echo)),
            _ => Registration::async_handler(on_event_async(|run, event| async move {
                echo(&run, &event);
            })),
        };
        let recorders = [Recorder::new(), Recorder::new(), Recorder::new()];
        let callbacks = Callbacks::new()
            .inline(recorders[0].clone())
            .add(mode.way(emitter))
            .blocking(recorders[1].clone())
            .async_handler(recorders[2].clone());
        let (_, mut model) = wrap(&callbacks, counting(40));
        within(ask(&mut model)).await.unwrap();

        let order: Vec<u64> = recorders[0].events().iter().map(|event| event.seq).collect();
        for recorder in &recorders {
            let events = recorder.events();
            assert_promises(&events);
            let emitted: Vec<_> = events.iter().filter_map(custom).collect();
            assert_eq!(emitted.len(), 41, "{mode:?}");
            assert!(emitted.windows(2).all(|pair| pair[0].1 < pair[1].1), "{mode:?}: {emitted:?}");
            for event in &events {
                assert!(custom(event).is_none_or(|(_, cause)| cause < event.seq));
            }
            let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
            assert_eq!(seqs, order, "{mode:?}: one order for all");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_other_threads_have_one_order_for_all() {
    const THREADS: u64 = 4;
    const EACH: u64 = 500;
    let (run, keep) = keep_run();
    let recorders = [Recorder::new(), Recorder::new(), Recorder::new()];
    let callbacks = Callbacks::new()
        .add(keep)
        .inline(recorders[0].clone())
        .add(Registration::blocking(recorders[1].clone()).capacity(100_000))
        .add(Registration::async_handler(recorders[2].clone()).capacity(100_000));
    let (_, mut model) = wrap(&callbacks, counting(2_000));
    let mut answer = model.ready().await.unwrap().call(request()).await.unwrap();
    let run = kept(&run);
    let emitters: Vec<_> = (0..THREADS)
        .map(|number| {
            let run = run.clone();
            thread::spawn(move || {
                for n in 0..EACH {
                    run.emit(&number.to_string(), n).unwrap();
                }
            })
        })
        .collect();
    // The end mark stays unread until all have emitted.
    for _ in 0..2_000 {
        within(answer.next()).await.unwrap().unwrap();
    }
    for emitter in emitters {
        emitter.join().unwrap();
    }
    while within(answer.next()).await.is_some() {}

    let order: Vec<u64> = recorders[0].events().iter().map(|event| event.seq).collect();
    assert_eq!(order, (0..2_002 + THREADS * EACH).collect::<Vec<_>>(), "no event is lost");
    for recorder in &recorders {
        let events = recorder.events();
        assert_promises(&events);
        assert!(events.iter().map(|event| event.seq).eq(order.iter().copied()));
        for number in 0..THREADS {
            let name = number.to_string();
            let of_one = events.iter().filter_map(custom).filter(|(of, _)| *of == name);
            assert!(of_one.map(|(_, n)| n).eq(0..EACH), "thread {number} in its own order");
        }
    }
}

#[tokio::test]
async fn emit_after_the_terminal_fails_and_notifies_no_handler() {
    let (run, keep) = keep_run();
    let recorder = Recorder::new();
    let ended = Arc::new(AtomicBool::new(false));
    let saw = ended.clone();
    let in_terminal = on_event(move |run, event| {
        if event.kind().is_terminal() {
            saw.store(run.emit("late", 0).unwrap_err().is_ended(), Ordering::SeqCst);
        }
    });
    let callbacks =
        Callbacks::new().add(keep).blocking(in_terminal).async_handler(recorder.clone());
    let (_, mut model) = wrap(&callbacks, counting(1));
    within(ask(&mut model)).await.unwrap();
    assert!(ended.load(Ordering::SeqCst), "also inside the handler of the terminal");
    let error = kept(&run).emit("late", json!({"a": 1})).unwrap_err();
    assert!(error.is_ended());
    assert_eq!(error.full_queues(), 0);
    assert!(error.to_string().contains("has ended"), "{error}");
    assert!(!recorder.kinds().contains(&EventKind::Custom));
}

#[tokio::test]
async fn full_queues_are_counted_and_others_are_notified() {
    let gate = Gate::new();
    let (run, keep) = keep_run();
    let stuck =
        [Stuck::at(EventKind::LlmNewToken, &gate), Stuck::at(EventKind::LlmNewToken, &gate)];
    let (roomy, inline) = (Recorder::new(), Recorder::new());
    let callbacks = Callbacks::new()
        .add(keep)
        .add(Registration::blocking(stuck[0].clone()).capacity(2))
        .add(Registration::async_handler(stuck[1].clone()).background().capacity(3))
        .async_handler(roomy.clone())
        .inline(inline.clone());
    let (_, mut model) = wrap(&callbacks, counting(1));
    let mut answer = model.ready().await.unwrap().call(request()).await.unwrap();
    within(answer.next()).await.unwrap().unwrap();
    for stuck in &stuck {
        until(|| stuck.recorder.kinds().contains(&EventKind::LlmNewToken)).await;
    }

    let run = kept(&run);
    let full = |n: u64| run.emit("n", n).map_err(|error| error.full_queues());
    assert_eq!([full(0), full(1), full(2), full(3)], [Ok(()), Ok(()), Err(1), Err(2)]);
    let error = run.emit("n", 4).unwrap_err();
    assert!(!error.is_ended());
    assert!(error.to_string().starts_with("2 handler(s)"), "{error}");

    gate.open();
    while within(answer.next()).await.is_some() {}
    flushed(&callbacks).await;
    let received = |recorder: &Recorder| -> Vec<u64> {
        recorder.events().iter().filter_map(custom).map(|(_, n)| n).collect()
    };
    assert_eq!(received(&stuck[0].recorder), [0, 1]);
    assert_eq!(received(&stuck[1].recorder), [0, 1, 2]);
    assert_eq!(received(&roomy), [0, 1, 2, 3, 4]);
    assert_eq!(received(&inline), [0, 1, 2, 3, 4]);
    for recorder in [&stuck[0].recorder, &stuck[1].recorder, &roomy, &inline] {
        assert_promises(&recorder.events());
    }
}

#[tokio::test]
async fn emit_works_inside_a_call_and_fails_outside() {
    let recorder = Recorder::new();
    let inner = service_fn(|_: ChatRequest| async {
        emit("inside", 7).unwrap();
        ScriptedModel::new(counting(1)).oneshot(request()).await
    });
    let callbacks = Callbacks::new().blocking(recorder.clone());
    let mut model = CallbackLayer::new(callbacks).layer(inner);
    within(ask(&mut model)).await.unwrap();
    let events = recorder.events();
    assert_promises(&events);
    assert_eq!(custom(&events[1]), Some(("inside", 7)), "after the start, before the tokens");

    let error = emit("outside", 0).unwrap_err();
    assert!(!error.is_ended());
    assert!(error.to_string().contains("no current run"), "{error}");
    let mut later = task::spawn(async { emit("outside", 0) });
    assert!(assert_ready!(later.poll()).is_err());
}
