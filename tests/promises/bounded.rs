//! Promise 6, bounded: each run's queues are bounded. A full queue makes the stream wait, or drops and counts
//! tokens. Starts and terminals are never dropped. The runs that a handler holds are bounded too.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use futures::StreamExt;
use support::schedule::{Gate, Mode, Stuck, ask, counting, flushed, request, until, within, wrap};
use tokio::time::sleep;
use tokio_test::{assert_pending, task};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackHandler, CallbackLayer, Callbacks, Delta, EventData, EventKind, Fault, FaultKind,
    LlmChunk, Registration, Run,
    callbacks::{Overflow, Undelivered},
    chat::ChatRequest,
    layer::{CallbackService, CallbackStream},
    on_llm_start,
    testing::{Recorder, Script, ScriptedModel, ScriptedStream, assert_promises},
};

type Answer = CallbackStream<ScriptedStream>;

async fn call(model: &mut CallbackService<ScriptedModel>) -> Answer {
    within(model.ready().await.unwrap().call(request())).await.unwrap()
}

fn keep_runs() -> (mpsc::Receiver<Run>, impl CallbackHandler) {
    let (sender, runs) = mpsc::channel();
    (runs, on_llm_start(move |run, _| drop(sender.send(run.clone()))))
}

fn tokens(recorder: &Recorder) -> usize {
    recorder.kinds().iter().filter(|kind| **kind == EventKind::LlmNewToken).count()
}

/// Counts the items until the stream waits. Leaves time for items that should not arrive.
async fn items_until_pending(answer: &mut task::Spawn<Answer>) -> usize {
    let mut items = 0;
    for _ in 0..20 {
        while answer.poll_next().is_ready() {
            items += 1;
            assert!(items < 5_000, "the stream does not wait");
        }
        sleep(Duration::from_millis(1)).await;
    }
    items
}

#[tokio::test]
async fn the_stream_waits_when_a_queue_is_full() {
    for mode in [Mode::AWAITED[0], Mode::AWAITED[2]] {
        for capacity in [1, 2, 7, 64, 65, 256] {
            for in_hand in [false, true] {
                let gate = Gate::new();
                let at = if in_hand { EventKind::LlmNewToken } else { EventKind::Custom };
                let stuck = Stuck::at(at, &gate);
                let witness = Recorder::new();
                let (runs, keep) = keep_runs();
                let callbacks = Callbacks::new()
                    .inline(keep)
                    .inline(witness.clone())
                    .add(mode.handler(stuck.clone()).capacity(capacity));
                let (_, mut model) = wrap(&callbacks, counting(1_000));
                let mut answer = task::spawn(call(&mut model).await);
                let mut items = 0;
                if in_hand {
                    assert!(answer.poll_next().is_ready());
                    items += 1;
                } else {
                    runs.recv().unwrap().emit("stop here", 0).unwrap();
                }
                until(|| stuck.recorder.kinds().contains(&at)).await;
                items += items_until_pending(&mut answer).await;
                assert_eq!(items, capacity + usize::from(in_hand), "{mode:?} {capacity}");
                assert_eq!(tokens(&witness), items, "nothing more was read");

                gate.open();
                let rest = within(answer.into_inner().collect::<Vec<_>>()).await;
                assert_eq!(items + rest.len(), 1_002);
                let end = &stuck.recorder.terminals()[0];
                assert_eq!(end.result().unwrap().dropped_tokens, 0);
                assert_promises(&stuck.recorder.events());
            }
        }
    }
}

#[tokio::test]
async fn a_waiting_stream_continues_when_the_handler_is_detached() {
    let gate = Gate::new();
    let stuck = Stuck::at(EventKind::LlmNewToken, &gate);
    let handler = Registration::blocking(stuck).capacity(3).deadline(Duration::from_millis(30));
    let (_, mut model) = wrap(&Callbacks::new().add(handler), counting(100));
    assert_eq!(within(ask(&mut model)).await.unwrap().len(), 102);
}

/// Registrations that drop tokens instead of waiting.
fn dropping(handler: &Stuck) -> Vec<Registration> {
    let drops = |mode: &Mode| mode.handler(handler.clone()).overflow(Overflow::DropTokens);
    let background = Mode::BACKGROUND.iter().map(|mode| mode.handler(handler.clone()));
    [Mode::AWAITED[0], Mode::AWAITED[2]].iter().map(drops).chain(background).collect()
}

#[tokio::test]
async fn dropped_tokens_are_counted_per_handler() {
    for way in 0..4 {
        for (capacity, fails) in [(1, false), (5, true), (64, false), (300, true)] {
            let gate = Gate::new();
            let stuck = Stuck::at(EventKind::LlmNewToken, &gate);
            let handler = dropping(&stuck).swap_remove(way).capacity(capacity);
            let others = [Recorder::new(), Recorder::new()];
            let callbacks =
                Callbacks::new().inline(others[0].clone()).add(handler).blocking(others[1].clone());
            let script = (0..500).fold(Script::new().respond(), |s, n| s.text(format!("{n} ")));
            let script = if fails { script.fail("broken") } else { script.complete("stop") };
            let (_, mut model) = wrap(&callbacks, script);

            let mut answer = call(&mut model).await;
            within(answer.next()).await.unwrap().unwrap();
            until(|| tokens(&stuck.recorder) == 1).await;
            for _ in 1..500 {
                within(answer.next()).await.unwrap().unwrap();
            }
            gate.open();
            while within(answer.next()).await.is_some() {}
            flushed(&callbacks).await;

            let seen = 1 + capacity;
            let events = stuck.recorder.events();
            assert_promises(&events);
            assert_eq!(events.len(), 1 + seen + 1, "its tokens, start and terminal");
            let result = events.last().unwrap().result().unwrap();
            assert_eq!(result.dropped_tokens as usize, 500 - seen);
            assert_eq!(result.tokens, 500);
            for other in &others {
                let ends = other.terminals();
                let of_other = ends[0].result().unwrap();
                assert_eq!(of_other.dropped_tokens, 0);
                let mut expected = of_other.clone();
                expected.dropped_tokens = result.dropped_tokens;
                assert_eq!(&expected, result, "only `dropped_tokens` differs");
                assert_eq!(tokens(other), 500);
            }
        }
    }
}

#[tokio::test]
async fn starts_and_terminals_are_never_dropped() {
    for way in 0..4 {
        let gate = Gate::new();
        let stuck = Stuck::at(EventKind::LlmStart, &gate);
        let handler = dropping(&stuck).swap_remove(way).background().capacity(1);
        let callbacks = Callbacks::new().add(handler);
        let (_, mut model) = wrap(&callbacks, counting(50));
        for _ in 0..20 {
            within(ask(&mut model)).await.unwrap();
        }
        drop(call(&mut model).await);
        gate.open();
        flushed(&callbacks).await;
        assert_eq!(stuck.recorder.run_ids().len(), 21);
        assert_promises(&stuck.recorder.events());
        for end in stuck.recorder.terminals() {
            let dropped = if end.error().is_some() { 0 } else { 49 };
            assert_eq!(end.result().unwrap().dropped_tokens, dropped);
        }
    }
}

#[tokio::test]
async fn custom_events_and_tokens_share_the_capacity() {
    for mode in Mode::BACKGROUND {
        let gate = Gate::new();
        let stuck = Stuck::at(EventKind::LlmStart, &gate);
        let (runs, keep) = keep_runs();
        let handler = mode.handler(stuck.clone()).capacity(10);
        let callbacks = Callbacks::new().inline(keep).add(handler);
        let (_, mut model) = wrap(&callbacks, counting(20));
        let mut answer = call(&mut model).await;
        let run = runs.recv().unwrap();
        for n in 0..4 {
            run.emit("n", n).unwrap();
        }
        for _ in 0..5 {
            within(answer.next()).await.unwrap().unwrap();
        }
        run.emit("the tenth", 0).unwrap();
        let error = run.emit("no room", 0).unwrap_err();
        assert_eq!((error.full_queues(), error.is_ended()), (1, false));
        while within(answer.next()).await.is_some() {}
        gate.open();
        flushed(&callbacks).await;
        let events = stuck.recorder.events();
        assert_promises(&events);
        let custom = events.iter().filter(|event| matches!(event.data, EventData::Custom(_)));
        assert_eq!(custom.count(), 5);
        assert_eq!(tokens(&stuck.recorder), 5);
        assert_eq!(events.last().unwrap().result().unwrap().dropped_tokens, 15);
    }
}

#[tokio::test]
async fn a_handler_with_too_many_undelivered_runs_skips_new_runs() {
    for mode in Mode::BACKGROUND {
        let gate = Gate::new();
        let stuck = Stuck::always(&gate);
        let witness = Recorder::new();
        let faults: Arc<Mutex<Vec<Fault>>> = Arc::default();
        let hook = faults.clone();
        let handler = mode.handler(stuck.clone()).name("slow").threads(2).max_undelivered_runs(3);
        let callbacks = Callbacks::new()
            .on_fault(move |fault| hook.lock().unwrap().push(fault.clone()))
            .inline(witness.clone())
            .add(handler);
        let (_, mut model) = wrap(&callbacks, counting(2));
        for _ in 0..10 {
            assert_eq!(within(ask(&mut model)).await.unwrap().len(), 4, "the call goes on");
        }
        let runs = witness.run_ids();
        {
            let faults = faults.lock().unwrap();
            let of: Vec<_> = faults.iter().map(|fault| (fault.kind, fault.run_id)).collect();
            let expected: Vec<_> =
                runs[3..].iter().map(|run| (FaultKind::TooManyRuns, *run)).collect();
            assert_eq!(of, expected, "{mode:?}: one fault per skipped run");
            assert!(faults.iter().all(|fault| &*fault.handler == "slow"));
        }
        gate.open();
        flushed(&callbacks).await;
        assert_eq!(
            HashSet::from_iter(stuck.recorder.run_ids()),
            HashSet::<_>::from_iter(runs[..3].to_vec())
        );

        within(ask(&mut model)).await.unwrap();
        flushed(&callbacks).await;
        assert_eq!(stuck.recorder.run_ids().len(), 4, "{mode:?}: new runs are delivered again");
        assert_eq!(faults.lock().unwrap().len(), 7);
        assert_promises(&stuck.recorder.events());
        assert_eq!(witness.terminals().len(), 11);
    }
}

#[tokio::test]
async fn a_runs_queue_is_bounded() {
    let gate = Gate::new();
    let stuck = Stuck::at(EventKind::LlmStart, &gate);
    let handlers = Mode::BACKGROUND.map(|mode| mode.handler(stuck.clone()).capacity(8));
    for handler in handlers {
        let callbacks = Callbacks::new().add(handler);
        let (_, mut model) = wrap(&callbacks, counting(10_000));
        within(ask(&mut model)).await.unwrap();
        let report = callbacks.flush(Duration::ZERO).await;
        let held: Vec<u64> = report.undelivered.iter().map(|run| run.events).collect();
        assert_eq!(held, [8 + 2], "the capacity, start and terminal");
    }
}

/// One item with several tokens.
#[derive(Debug, Clone)]
struct Many(usize);

impl LlmChunk for Many {
    const HAS_END_MARK: bool = false;

    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
        (0..self.0).for_each(|_| each(Delta::text("x")));
    }
}

#[tokio::test]
async fn one_item_may_exceed_the_capacity_and_then_the_stream_waits() {
    let gate = Gate::new();
    let stuck = Stuck::at(EventKind::LlmNewToken, &gate);
    let inner = service_fn(|_: ChatRequest| async {
        let items = (0..4).map(|_| Ok::<_, tower::BoxError>(Many(10)));
        Ok::<_, tower::BoxError>(futures::stream::iter(items))
    });
    let callbacks = Callbacks::new().add(Registration::async_handler(stuck.clone()).capacity(3));
    let mut model = CallbackLayer::new(callbacks).layer(inner);
    let answer = within(model.ready().await.unwrap().call(request())).await.unwrap();
    let mut answer = task::spawn(answer);
    assert!(answer.poll_next().is_ready());
    until(|| tokens(&stuck.recorder) == 1).await;
    assert_pending!(answer.poll_next());
    gate.open();
    assert_eq!(within(answer.into_inner().collect::<Vec<_>>()).await.len(), 3);
    assert_eq!(tokens(&stuck.recorder), 40);
    assert_promises(&stuck.recorder.events());
}

#[tokio::test]
async fn a_flush_waits_only_for_events_emitted_before_it() {
    for mode in [Mode::AWAITED[0], Mode::AWAITED[2], Mode::BACKGROUND[0], Mode::BACKGROUND[1]] {
        let gate = Gate::new();
        let stuck = Stuck::at(EventKind::LlmNewToken, &gate);
        let callbacks = Callbacks::new().add(mode.handler(stuck.clone())).inline(Recorder::new());
        let (_, mut model) = wrap(&callbacks, counting(5));
        let mut answer = call(&mut model).await;
        // A run in flight, with every event handled.
        flushed(&callbacks).await;
        assert_eq!(stuck.returned.kinds(), [EventKind::LlmStart]);

        for _ in 0..3 {
            within(answer.next()).await.unwrap().unwrap();
        }
        let mut flush = task::spawn(callbacks.flush(Duration::from_secs(60)));
        assert_pending!(flush.poll());
        sleep(Duration::from_millis(3)).await;
        assert_pending!(flush.poll());
        gate.open();
        assert!(within(flush).await.is_complete());
        assert_eq!(tokens(&stuck.returned), 3);
        drop(answer);
        flushed(&callbacks).await;
        assert_eq!(stuck.returned.terminals().len(), 1);
    }
}

#[tokio::test]
async fn a_flush_reports_undelivered_events_at_its_deadline() {
    let gate = Gate::new();
    let stuck = [Stuck::at(EventKind::LlmNewToken, &gate), Stuck::always(&gate)];
    let callbacks = Callbacks::new()
        .add(Registration::blocking(stuck[0].clone()).background().name("tokens"))
        .add(Registration::async_handler(stuck[1].clone()).background().name("all"))
        .blocking(Recorder::new());
    let (_, mut model) = wrap(&callbacks, counting(3));
    within(ask(&mut model)).await.unwrap();
    let mut second = call(&mut model).await;
    within(second.next()).await.unwrap().unwrap();
    until(|| stuck[0].recorder.run_ids().len() == 2 && tokens(&stuck[0].recorder) == 2).await;

    let runs = stuck[0].recorder.run_ids();
    let mut report = callbacks.flush(Duration::from_millis(20)).await.undelivered;
    report.sort_by_key(|run| (run.handler.to_string(), run.run_id));
    let report: Vec<_> = report
        .iter()
        .map(|Undelivered { handler, run_id, events, .. }| (&**handler, *run_id, *events))
        .collect();
    let mut expected =
        [("all", runs[0], 5), ("all", runs[1], 2), ("tokens", runs[0], 4), ("tokens", runs[1], 1)];
    expected.sort_unstable();
    assert_eq!(report, expected);

    gate.open();
    flushed(&callbacks).await;
    drop(second);
    flushed(&callbacks).await;
    stuck.iter().for_each(|stuck| assert_promises(&stuck.recorder.events()));
}
