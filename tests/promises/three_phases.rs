//! Promise 3, three phases: the inner call waits for starts, terminals wait for tokens, the last item waits
//! for terminals. Nothing else waits, and nothing waits once the call is dropped.

use std::{sync::mpsc, time::Duration};

use futures::StreamExt;
use support::schedule::{Gate, Mode, Stuck, ask, counting, flushed, request, until, within, wrap};
use tokio::time::sleep;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_llm_callbacks::{
    Abort, Aborted, CallbackLayer, Callbacks, Delta, ErrorKind, EventKind, LlmChunk, Run,
    chat::{ChatChunk, ChatRequest},
    on_llm_new_token, on_llm_start,
    testing::{Recorder, Script, assert_promises},
};

/// Gives events that should not happen time to happen.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    sleep(Duration::from_millis(3)).await;
}

#[tokio::test]
async fn the_inner_service_is_called_after_every_awaited_start() {
    for first in Mode::AWAITED {
        for second in Mode::AWAITED {
            let gates = [Gate::new(), Gate::new()];
            let stuck = [0, 1].map(|n: usize| Stuck::at(EventKind::LlmStart, &gates[n]));
            let callbacks = Callbacks::new()
                .add(first.handler(stuck[0].clone()))
                .add(second.handler(stuck[1].clone()));
            let (scripted, mut model) = wrap(&callbacks, counting(1));
            let mut call = task::spawn(model.ready().await.unwrap().call(request()));
            for n in [1, 0] {
                assert_pending!(call.poll());
                until(|| stuck[n].recorder.kinds().len() == 1).await;
                settle().await;
                assert_pending!(call.poll());
                assert_eq!(scripted.calls(), 0, "{first:?} {second:?}");
                gates[n].open();
                until(|| !stuck[n].returned.kinds().is_empty()).await;
            }
            until(|| call.is_woken()).await;
            drop(within(call).await.unwrap());
            assert_eq!(scripted.calls(), 1);
        }
    }
}

#[tokio::test]
async fn without_awaited_starts_the_inner_service_is_called_in_call() {
    let gate = Gate::new();
    let tokens = on_llm_new_token(|_, _| {});
    for callbacks in [
        Callbacks::new(),
        Callbacks::new().inline(Recorder::new()),
        Callbacks::new().add(Mode::BACKGROUND[0].handler(Stuck::always(&gate))),
        Callbacks::new().add(Mode::BACKGROUND[1].handler(Stuck::always(&gate))),
        // An awaited handler that does not ask for starts.
        Callbacks::new().blocking(tokens),
    ] {
        let (scripted, mut model) = wrap(&callbacks, counting(1));
        let call = model.ready().await.unwrap().call(request());
        assert_eq!(scripted.calls(), 1, "{callbacks:?}");
        drop(call);
    }
}

#[tokio::test]
async fn terminals_wait_for_the_tokens_of_every_awaited_handler() {
    // Three ways for a run to end while a slow handler has tokens queued.
    let scripts = [
        Script::answer(["a", "b"]),
        Script::new().text("a").text("b").fail("broken"),
        Script::new().text("a").text("b"),
    ];
    for script in scripts {
        for mode in [Mode::AWAITED[0], Mode::AWAITED[2]] {
            let gate = Gate::new();
            let slow = Stuck::at(EventKind::LlmNewToken, &gate);
            let others = Mode::ALL.map(|mode| (mode, Recorder::new()));
            let callbacks = others
                .iter()
                .fold(Callbacks::new(), |all, (mode, other)| all.add(mode.handler(other.clone())))
                .add(mode.handler(slow.clone()));
            let (_, mut model) = wrap(&callbacks, script.clone());
            let answer = within(model.ready().await.unwrap().call(request())).await.unwrap();
            let mut all = task::spawn(answer.collect::<Vec<_>>());
            // Lockstep handlers let items pass one at a time.
            until(|| {
                assert_pending!(all.poll());
                others.iter().all(|(_, other)| other.text() == "ab")
            })
            .await;
            settle().await;
            assert_pending!(all.poll());
            for (other, recorder) in &others {
                assert!(recorder.terminals().is_empty(), "{other:?} beside {mode:?}");
            }
            gate.open();
            within(all).await;
            flushed(&callbacks).await;
            for (_, recorder) in &others {
                assert_promises(&recorder.events());
            }
            assert_promises(&slow.recorder.events());
        }
    }
}

/// Polls a call whose handler waits in its terminal. The last item must not arrive before the handler
/// returns.
async fn last_item_waits(mode: Mode, script: Script, first: usize, kind: EventKind) {
    let gate = Gate::new();
    let stuck = Stuck::at(kind, &gate);
    let callbacks = Callbacks::new().add(mode.handler(stuck.clone()));
    let (_, mut model) = wrap(&callbacks, script.clone());
    let mut answer = within(model.ready().await.unwrap().call(request())).await.unwrap();
    for _ in 0..first {
        within(answer.next()).await.unwrap().unwrap();
    }
    let mut last = task::spawn(answer.next());
    until(|| {
        assert_pending!(last.poll(), "{mode:?} {script:?}");
        !stuck.recorder.terminals().is_empty()
    })
    .await;
    settle().await;
    assert_pending!(last.poll(), "{mode:?} {script:?}");
    assert!(stuck.returned.terminals().is_empty());
    gate.open();
    let last = within(last).await;
    assert_eq!(stuck.returned.terminals().len(), 1);
    match kind {
        EventKind::LlmEnd => assert!(last.is_none()),
        _ => assert!(last.is_none_or(|item| item.is_err())),
    }
}

#[tokio::test]
async fn the_end_and_an_error_item_wait_for_terminals() {
    for mode in Mode::AWAITED {
        let broken = Script::new().text("a").fail("broken");
        last_item_waits(mode, broken, 1, EventKind::LlmError).await;
        let truncated = Script::new().text("a");
        last_item_waits(mode, truncated, 1, EventKind::LlmError).await;
    }
    for mode in [Mode::AWAITED[0], Mode::AWAITED[2]] {
        // The chunk with the end mark is the third item. It is not held.
        last_item_waits(mode, Script::answer(["a"]), 3, EventKind::LlmEnd).await;
    }
}

#[tokio::test]
async fn the_futures_error_waits_for_terminals() {
    for mode in Mode::AWAITED {
        let gate = Gate::new();
        let stuck = Stuck::at(EventKind::LlmError, &gate);
        let callbacks = Callbacks::new().add(mode.handler(stuck.clone()));
        let (_, mut model) = wrap(&callbacks, Script::new().fail("refused").respond());
        let mut call = task::spawn(model.ready().await.unwrap().call(request()));
        until(|| {
            assert!(call.poll().is_pending(), "{mode:?}");
            !stuck.recorder.terminals().is_empty()
        })
        .await;
        settle().await;
        assert_pending!(call.poll());
        gate.open();
        let error = within(call).await.unwrap_err();
        assert_eq!(error.to_string(), "refused");
        assert_eq!(stuck.returned.terminals().len(), 1);
    }
}

#[tokio::test]
async fn an_aborts_error_waits_for_terminals_in_every_phase() {
    for mode in Mode::AWAITED {
        for reads in [None, Some(0), Some(2)] {
            let (start, gate) = (Gate::new(), Gate::new());
            let stuck = Stuck::at(EventKind::LlmError, &gate);
            let (sender, runs) = mpsc::channel();
            let callbacks = Callbacks::new()
                .add(mode.handler(stuck.clone()))
                .async_handler(Stuck::at(EventKind::LlmStart, &start))
                .inline(on_llm_start(move |run, _| sender.send(run.clone()).unwrap()));
            let script = (0..reads.unwrap_or(0)).fold(Script::new().respond(), |s, _| s.text("a"));
            let (scripted, mut model) = wrap(&callbacks, script.hang());
            let call = model.ready().await.unwrap().call(request());
            let run: Run = runs.recv().unwrap();
            if reads.is_none() {
                assert!(run.abort(Abort::new("enough")));
            }
            start.open();
            let outcome = tokio::spawn(async move {
                let mut answer = match call.await {
                    Ok(answer) => answer,
                    Err(error) => return error,
                };
                loop {
                    if let Some(Err(error)) = answer.next().await {
                        return error;
                    }
                }
            });
            if let Some(reads) = reads {
                until(|| scripted.calls() == 1 && stuck.recorder.text().len() == reads).await;
                assert!(run.abort(Abort::new("enough")));
            }
            until(|| !stuck.recorder.terminals().is_empty()).await;
            settle().await;
            assert!(!outcome.is_finished(), "{mode:?} {reads:?}");
            gate.open();
            let error = within(outcome).await.unwrap();
            assert_eq!(error.downcast_ref::<Aborted>().unwrap().abort().reason(), "enough");
            assert_eq!(stuck.returned.terminals().len(), 1);
            assert!(reads.is_some() || scripted.calls() == 0, "aborted in the start phase");
            assert_promises(&stuck.recorder.events());
        }
    }
}

#[tokio::test]
async fn the_end_mark_is_not_held_and_later_items_are_unobserved() {
    for mode in [Mode::AWAITED[0], Mode::AWAITED[2], Mode::BACKGROUND[0], Mode::BACKGROUND[1]] {
        for at in [EventKind::LlmNewToken, EventKind::LlmEnd] {
            let gate = Gate::new();
            let stuck = Stuck::at(at, &gate);
            let callbacks = Callbacks::new().add(mode.handler(stuck.clone()));
            let (_, mut model) = wrap(&callbacks, Script::answer(["a"]).text("b").text("c"));
            let answer = within(model.ready().await.unwrap().call(request())).await.unwrap();
            let mut answer = task::spawn(answer);
            let mut items = Vec::new();
            for _ in 0..5 {
                items.push(assert_ready!(answer.poll_next(), "{mode:?} {at:?}").unwrap().unwrap());
            }
            assert_eq!(items[2], Delta::Done);
            assert_eq!(items[4].content(), Some("c"));
            gate.open();
            assert!(within(answer.into_inner().next()).await.is_none());
            flushed(&callbacks).await;
            assert_eq!(stuck.recorder.text(), "a");
            assert_promises(&stuck.recorder.events());
        }
    }
}

/// A chunk with the last text and the end mark.
#[derive(Debug, Clone)]
struct Whole(&'static str);

impl LlmChunk for Whole {
    const HAS_END_MARK: bool = true;

    fn deltas(&self, each: &mut dyn FnMut(Delta<'_>)) {
        each(Delta::text(self.0));
        each(Delta::Done);
        each(Delta::text("unobserved"));
    }
}

#[tokio::test]
async fn a_chunk_with_text_and_the_end_mark_is_not_held() {
    let gate = Gate::new();
    let stuck = Stuck::at(EventKind::LlmNewToken, &gate);
    let inner = service_fn(|_: ChatRequest| async {
        Ok::<_, tower::BoxError>(futures::stream::iter([Ok::<_, tower::BoxError>(Whole("all"))]))
    });
    let callbacks = Callbacks::new().async_handler(stuck.clone());
    let mut model = CallbackLayer::new(callbacks.clone()).layer(inner);
    let answer = within(model.ready().await.unwrap().call(request())).await.unwrap();
    let mut answer = task::spawn(answer);
    assert!(assert_ready!(answer.poll_next()).is_some());
    assert_pending!(answer.poll_next());
    // A call dropped after the mark has completed.
    drop(answer);
    gate.open();
    flushed(&callbacks).await;
    assert_eq!(stuck.recorder.text(), "all");
    assert_eq!(stuck.recorder.kinds().last(), Some(&EventKind::LlmEnd));
    assert_promises(&stuck.recorder.events());
}

#[tokio::test]
async fn background_handlers_are_never_awaited() {
    for mode in Mode::BACKGROUND {
        for script in [counting(500), Script::new().text("a").fail("broken")] {
            let gate = Gate::new();
            let stuck = Stuck::always(&gate);
            let callbacks = Callbacks::new().add(mode.handler(stuck.clone()).capacity(2));
            let (_, mut model) = wrap(&callbacks, script);
            let mut all = task::spawn(ask(&mut model));
            assert!(assert_ready!(all.poll()).is_ok(), "{mode:?}: ready at once");
            assert!(stuck.returned.events().is_empty());
            gate.open();
            flushed(&callbacks).await;
            assert_promises(&stuck.recorder.events());
            assert_eq!(stuck.recorder.terminals().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_lockstep_token_is_handled_before_the_consumer_gets_its_item() {
    for mode in [Mode::AWAITED[1], Mode::AWAITED[3]] {
        let open = Gate::new();
        open.open();
        let lockstep = Stuck::always(&open);
        let slow = Gate::new();
        let pipelined = Stuck::at(EventKind::LlmNewToken, &slow);
        let callbacks =
            Callbacks::new().add(mode.handler(lockstep.clone())).async_handler(pipelined.clone());
        let (_, mut model) = wrap(&callbacks, counting(100));
        let mut answer = within(model.ready().await.unwrap().call(request())).await.unwrap();
        for n in 0..100 {
            let item: ChatChunk = within(answer.next()).await.unwrap().unwrap();
            assert_eq!(item.content(), Some(&*format!("{n} ")));
            let handled = lockstep.returned.events();
            assert_eq!(handled.last().and_then(|event| event.text()), item.content(), "{mode:?}");
        }
        assert!(pipelined.returned.text().is_empty(), "other handlers are not awaited");
        slow.open();
        while within(answer.next()).await.is_some() {}
        assert_promises(&lockstep.recorder.events());
    }
}

#[tokio::test]
async fn after_a_drop_each_terminal_follows_the_handlers_own_tokens() {
    let gate = Gate::new();
    let stuck = Mode::AWAITED.map(|mode| (mode, Stuck::at(EventKind::LlmNewToken, &gate)));
    for (mode, stuck) in stuck {
        let others = Mode::ALL.map(|mode| (mode, Recorder::new()));
        let callbacks = others
            .iter()
            .fold(Callbacks::new(), |all, (mode, other)| all.add(mode.handler(other.clone())))
            .add(mode.handler(stuck.clone()));
        let (scripted, mut model) = wrap(&callbacks, counting(5));
        let answer = within(model.ready().await.unwrap().call(request())).await.unwrap();
        let mut answer = task::spawn(answer);
        let _ = answer.poll_next();
        until(|| !stuck.recorder.text().is_empty()).await;
        drop(answer);
        assert_eq!(scripted.live(), 0);
        for (other, recorder) in &others {
            until(|| recorder.terminals().len() == 1).await;
            let error = recorder.terminals()[0].error().unwrap().kind();
            assert_eq!(error, ErrorKind::Cancelled, "{other:?}");
            assert_promises(&recorder.events());
        }
        assert!(stuck.recorder.terminals().is_empty(), "the handler's own tokens come first");
    }
}
