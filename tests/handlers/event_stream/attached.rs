//! Streams attached to a call that runs independently of the reader.

use std::{sync::Arc, task::Poll};

use futures::{StreamExt, executor, future::poll_fn};
use serde_json::json;
use support::{PATIENCE, on_each_runtime, read};
use tokio::{sync::mpsc, task::yield_now};
use tower::{Layer, Service};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, EventData, EventKind, LlmRequest, LlmStart, Prompt, RunConfig,
    RunLayer, RunType, emit,
    handlers::{EventStream, EventStreamBuilder, RunEvent},
    testing::{Recorder, Script, ScriptedModel},
};

use super::{
    agent, ask, assert_agent, assert_in_order, assert_nested, chain, collect, search, texts,
};

const TOKENS: usize = 400;

fn counting() -> Script {
    Script::answer((0..TOKENS).map(|n| format!("{n} ")))
}

fn counted() -> String {
    (0..TOKENS).map(|n| format!("{n} ")).collect()
}

/// Calls a model that answers with many tokens.
async fn call(callbacks: &Callbacks) -> String {
    let call = ask("plan", counting());
    RunConfig::new().callbacks(callbacks).scope(call).await.unwrap()
}

fn result(events: &[RunEvent]) -> (u64, u64) {
    match events.last().map(RunEvent::data) {
        Some(EventData::LlmEnd(result)) => (result.tokens, result.dropped_tokens),
        other => panic!("{other:?}"),
    }
}

/// The call does not wait for the reader. Tokens beyond the capacity are dropped and counted.
#[test]
fn a_late_reader_misses_tokens() {
    on_each_runtime(|| async {
        for capacity in [1, 16, 256] {
            let (callbacks, events) = EventStream::builder().capacity(capacity).attach();
            assert_eq!(call(&callbacks).await, counted());
            let all = collect(events).await;
            assert_in_order(&all, false);
            let kept = all.len() - 2;
            assert_eq!(kept, capacity);
            assert_eq!(result(&all), (TOKENS as u64, (TOKENS - kept) as u64));
            // `seq` and `index` identify the tokens that were kept.
            let numbers = all.iter().filter_map(|event| match event.data() {
                EventData::LlmNewToken(token) => Some((token.index(), event.event().seq())),
                _ => None,
            });
            assert!(numbers.clone().all(|(index, seq)| index + 1 == seq));
            assert_eq!(numbers.count(), kept);
        }
    });
}

#[test]
fn a_reader_that_keeps_up_misses_no_tokens() {
    on_each_runtime(|| async {
        let (callbacks, events) = EventStream::builder().capacity(TOKENS).attach();
        let ((), all) =
            tokio::join!(async { assert_eq!(call(&callbacks).await, counted()) }, collect(events));
        assert_eq!((texts(&all), result(&all)), (counted(), (TOKENS as u64, 0)));
    });
}

/// Custom events and tokens of a run share its capacity. Starts and terminals do not count.
#[test]
fn custom_events_use_capacity() {
    on_each_runtime(|| async {
        let (callbacks, events) = EventStream::builder().capacity(2).attach();
        let emits = chain("emits", async {
            for n in 0..20 {
                emit("n", n).unwrap();
                yield_now().await;
            }
            ask("plan", counting()).await
        });
        RunConfig::new().callbacks(&callbacks).scope(emits).await.unwrap();
        let all = collect(events).await;
        assert_in_order(&all, false);
        let kinds: Vec<_> = all.iter().map(|event| event.kind().as_str()).collect();
        let plan = ["llm_start", "llm_new_token", "llm_new_token", "llm_end"];
        let expected = ["chain_start", "custom", "custom"].into_iter().chain(plan);
        assert_eq!(kinds, expected.chain(["chain_end"]).collect::<Vec<_>>());
    });
}

/// Reading an event frees its place.
#[test]
fn reading_frees_capacity() {
    on_each_runtime(|| async {
        let (callbacks, mut events) = EventStream::builder().capacity(2).attach();
        let (sender, mut receiver) = mpsc::channel(1);
        let emits = chain("emits", async move {
            while let Some(n) = receiver.recv().await {
                emit("n", n).unwrap();
            }
            Ok(())
        });
        let call = tokio::spawn(RunConfig::new().callbacks(&callbacks).scope(emits));
        assert_eq!(events.next().await.unwrap().kind(), EventKind::RunStart(RunType::Chain));
        for n in 0..5 {
            sender.send(n).await.unwrap();
            assert_eq!(json!(events.next().await)["data"]["value"], n);
        }
        for n in 5..9 {
            sender.send(n).await.unwrap();
        }
        drop(sender);
        call.await.unwrap().unwrap();
        let rest = json!(collect(events).await);
        let values = rest.as_array().unwrap().iter().map(|event| &event["data"]["value"]);
        assert_eq!(values.collect::<Vec<_>>(), [&json!(5), &json!(6), &json!(null)]);
    });
}

/// An endless chain of runs whose events are never read.
#[test]
fn unread_runs_are_bounded() {
    const RUNS: usize = 10_100;
    let (callbacks, events) = EventStream::builder().attach();
    let config = RunConfig::new().callbacks(&callbacks);
    executor::block_on(config.scope(chain("root", async {
        for _ in 0..RUNS {
            search().await?;
        }
        Ok(())
    })))
    .unwrap();
    let all = executor::block_on(collect(events));
    assert_in_order(&all, true);
    // The root, and the first runs up to the bound.
    assert_eq!(all.len(), 2 + 20_000);
    assert_nested(&all);
}

/// Waits for `condition`, then polls long enough for the call to make any progress it can.
async fn assert_blocked<T>(call: &mut tokio::task::JoinHandle<T>, condition: impl Fn() -> bool) {
    support::until(&condition).await;
    for _ in 0..50 {
        yield_now().await;
    }
    assert!(!call.is_finished());
}

/// With `wait`, no events are lost, and the call waits for a reader that does not read.
#[test]
fn a_waiting_call_loses_no_events() {
    on_each_runtime(|| async {
        let waiting = || EventStream::builder().capacity(4).wait().attach();
        let witness = Recorder::new();
        let observed = Callbacks::new().inline(witness.clone());
        let spawn = |callbacks: &Callbacks| {
            let callbacks = callbacks.clone().merge(&observed);
            tokio::spawn(async move { call(&callbacks).await })
        };
        let (callbacks, events) = waiting();
        let mut task = spawn(&callbacks);
        assert_blocked(&mut task, || witness.events().len() > 4).await;
        // Events waiting to be read, as many in the run's queue, and the one that waits for room.
        assert!(witness.events().len() <= 4 + 4 + 2, "{}", witness.events().len());
        let all = collect(events).await;
        assert_eq!(task.await.unwrap(), counted());
        assert_in_order(&all, true);
        assert_eq!((texts(&all), result(&all)), (counted(), (TOKENS as u64, 0)));

        // Dropping the stream releases the call.
        let (callbacks, events) = waiting();
        let before = witness.events().len();
        let mut task = spawn(&callbacks);
        assert_blocked(&mut task, || witness.events().len() > before + 4).await;
        drop(events);
        assert_eq!(task.await.unwrap(), counted());
        assert!(callbacks.flush(PATIENCE).await.is_complete());
    });
}

/// Wherever the stream is dropped, the call continues unchanged.
#[test]
fn dropping_the_stream_detaches_it() {
    on_each_runtime(|| async {
        let builders: [fn() -> EventStreamBuilder; 2] =
            [EventStream::builder, || EventStream::builder().wait()];
        for builder in builders {
            for reads in 0..18 {
                let witness = Recorder::new();
                let (callbacks, mut events) = builder().capacity(1 + reads % 3).attach();
                let observed = callbacks.clone().inline(witness.clone());
                let call = RunConfig::new().callbacks(&observed).scope(agent());
                let call = tokio::spawn(call);
                for _ in 0..reads {
                    events.next().await;
                }
                drop(events);
                assert_eq!(call.await.unwrap().unwrap(), "ab");
                assert!(observed.flush(PATIENCE).await.is_complete());
                tower_llm_callbacks::testing::assert_promises(&witness.events());
                assert_eq!(witness.run_ids().len(), 5);
            }
        }
    });
}

/// A stream dropped before the call stores no events.
#[test]
fn a_stream_dropped_before_the_call_is_ignored() {
    on_each_runtime(|| async {
        let (callbacks, events) = EventStream::builder().wait().attach();
        drop(events);
        assert_eq!(call(&callbacks).await, counted());
        assert!(callbacks.flush(PATIENCE).await.is_complete());
    });
}

/// The same callbacks attached twice, in two ways, are one stream.
#[test]
fn callbacks_attached_twice_are_one_stream() {
    on_each_runtime(|| async {
        let (callbacks, events) = EventStream::builder().attach();
        let config = RunConfig::new().callbacks(&callbacks).callbacks(callbacks.clone());
        let ((), all) = tokio::join!(
            async {
                let inner = RunConfig::new().callbacks(&callbacks).scope(agent());
                config.scope(inner).await.unwrap();
            },
            collect(events)
        );
        assert_agent(&all);
    });
}

/// Two streams observe one call.
#[test]
fn two_streams_of_one_call_are_independent() {
    on_each_runtime(|| async {
        let (one, its) = EventStream::builder().attach();
        let (other, others) = EventStream::builder().wait().attach();
        let config = RunConfig::new().callbacks(&one).callbacks(&other);
        let (its, others, call) =
            tokio::join!(collect(its), collect(others), config.scope(agent()));
        call.unwrap();
        assert_agent(&its);
        assert_agent(&others);
    });
}

/// A request whose prompt holds a reference that shows whether the prompt is alive.
struct Kept(Arc<()>);

impl LlmRequest for Kept {
    fn llm_start(&self) -> LlmStart {
        let kept = Arc::clone(&self.0);
        LlmStart::new("acme", "chat").messages(Prompt::lazy(move || {
            let _ = &kept;
            serde_json::Value::Null
        }))
    }
}

/// Unread events hold their runs, runs hold the callbacks, and those the stream: dropping it frees all.
#[test]
fn dropping_the_stream_breaks_the_cycle() {
    on_each_runtime(|| async {
        for wait in [false, true] {
            for (reads, drops_first) in [(0, true), (0, false), (2, true), (2, false)] {
                let kept = Arc::new(());
                let builder = EventStream::builder().capacity(2);
                let builder = if wait { builder.wait() } else { builder };
                let (callbacks, mut events) = builder.attach();
                let model = ScriptedModel::for_requests(counting());
                let mut model = CallbackLayer::new(Callbacks::new()).layer(model);
                let request = Kept(Arc::clone(&kept));
                let call = async move {
                    let (_, error) = read(model.call(request).await?).await;
                    error.map_or(Ok(()), Err)
                };
                let layer = RunLayer::chain("root").inheritable_callbacks(&callbacks);
                let call = tokio::spawn(async move { layer.run(call).await });
                let held = callbacks.clone();
                drop(callbacks);
                let mut read = Vec::new();
                for _ in 0..reads {
                    read.extend(events.next().await);
                }
                if !wait {
                    call.await.unwrap().unwrap();
                    if drops_first {
                        drop(held);
                        drop(events);
                    } else {
                        drop(events);
                        drop(held);
                    }
                } else {
                    drop(events);
                    call.await.unwrap().unwrap();
                    drop(held);
                }
                drop(read);
                support::until(|| Arc::strong_count(&kept) == 1).await;
            }
        }
    });
}

/// A task reads while the call is polled elsewhere: each event wakes the reader.
#[test]
fn each_event_wakes_the_reader() {
    on_each_runtime(|| async {
        let (callbacks, mut events) = EventStream::builder().attach();
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            while let Some(event) = poll_fn(|cx| match events.poll_next_unpin(cx) {
                Poll::Ready(event) => Poll::Ready(event),
                Poll::Pending => Poll::Pending,
            })
            .await
            {
                all.push(event);
            }
            all
        });
        let script =
            (0..20).fold(Script::new().yields().respond(), |script, _| script.text("a").yields());
        let call = ask("plan", script.complete("stop"));
        RunConfig::new().callbacks(&callbacks).scope(call).await.unwrap();
        let all = reader.await.unwrap();
        assert_eq!(all.len(), 22);
        assert_eq!(all[21].kind(), EventKind::LlmEnd);
    });
}
