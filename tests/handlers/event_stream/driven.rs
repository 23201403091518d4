//! A stream that drives a future: nothing is dropped, and nothing runs ahead of whoever reads.

use std::{
    future::ready,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::join_all, stream};
use support::{Flavor, PATIENCE, on_each_runtime, read, request};
use tokio::{task::yield_now, time::timeout};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{BoxError, Layer, Service, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, ErrorKind, EventKind, InCurrentRun, Run, RunLayer,
    chat::{ChatChunk, ChatRequest},
    handlers::EventStream,
    testing::{Recorder, Script, ScriptedModel},
};

use super::{
    agent, ask, assert_agent, assert_in_order, assert_nested, by_run, chain, collect, is_end, look,
    search, texts,
};

#[test]
fn everything_is_given_in_order() {
    on_each_runtime(|| async {
        for capacity in [1, 2, 256] {
            let mut events = EventStream::builder().capacity(capacity).of(agent());
            assert!(events.output().is_none());
            let all: Vec<_> = events.by_ref().collect().await;
            assert_agent(&all);
            assert_in_order(&all, true);
            assert_nested(&all);
            assert_eq!(texts(&all), "abc");
            // Once.
            assert_eq!(events.output().unwrap().unwrap(), "ab");
            assert!(events.output().is_none());
            assert!(events.next().await.is_none(), "it stays at its end");
        }
    });
}

/// Each run knows all that it is in, the root first.
#[test]
fn parent_ids_are_the_whole_path() {
    fn nest(depth: usize) -> futures::future::BoxFuture<'static, Result<(), BoxError>> {
        let inner = move |()| async move {
            match depth {
                0 => ask("leaf", Script::answer(["a"])).await.map(drop),
                _ => nest(depth - 1).await,
            }
        };
        let mut chain = RunLayer::chain(depth.to_string()).layer(service_fn(inner));
        async move { chain.call(()).await }.boxed()
    }
    on_each_runtime(|| async {
        let events = collect(EventStream::builder().of(nest(30))).await;
        let mut path = Vec::new();
        let runs = by_run(&events);
        assert_eq!(runs.len(), 32);
        for (run, events) in runs {
            for event in events {
                assert_eq!(event.parent_ids(), path);
                assert_eq!(event.run().root_run_id(), *path.first().unwrap_or(&run));
                assert_eq!(event.run().parent_run_id(), path.last().copied());
            }
            path.push(run);
        }
    });
}

/// Several roots; and none at all.
#[test]
fn all_runs_that_the_future_makes() {
    on_each_runtime(|| async {
        let twice = async {
            search().await?;
            agent().await?;
            look().await
        };
        let events = collect(EventStream::builder().of(twice)).await;
        let roots = by_run(&events).into_iter().filter(|(_, run)| run[0].parent_ids().is_empty());
        let roots: Vec<_> = roots.map(|(_, run)| run[0].run().name().to_owned()).collect();
        assert_eq!(roots, ["search", "agent", "look"]);
        assert_in_order(&events, true);

        let mut events = EventStream::builder().of(async {
            yield_now().await;
            7
        });
        assert!(events.next().await.is_none());
        assert_eq!(events.output(), Some(7));
    });
}

/// The future gets along only while no event waits to be read.
#[test]
fn a_slow_reader_loses_nothing_and_is_not_overtaken() {
    const TOKENS: usize = 300;
    on_each_runtime(|| async {
        for capacity in [1, 4, 64] {
            let ahead = Arc::new(AtomicUsize::new(0));
            let counts = Arc::clone(&ahead);
            let model = service_fn(move |_: ChatRequest| {
                let counts = Arc::clone(&counts);
                let texts = stream::iter(0..TOKENS).map(move |n| {
                    counts.fetch_add(1, Ordering::SeqCst);
                    Ok::<_, BoxError>(ChatChunk::text(format!("{n} ")))
                });
                let end = stream::iter([Ok(ChatChunk::Done)]);
                ready(Ok::<_, BoxError>(texts.chain(end).boxed()))
            });
            let mut model = CallbackLayer::new(Callbacks::new()).layer(model);
            let call = async move { read(model.call(request()).await.unwrap()).await.0.len() };
            let mut events = EventStream::builder().capacity(capacity).of(call);
            let mut all = Vec::new();
            while let Some(event) = events.next().await {
                all.push(event);
                let ahead = ahead.load(Ordering::SeqCst).saturating_sub(all.len());
                // In the queue of the run, in the stream, and in hands.
                assert!(ahead <= 2 * capacity + 2, "{ahead} with {capacity}");
                if all.len() % 7 == 0 {
                    yield_now().await;
                }
            }
            assert_eq!(all.len(), TOKENS + 2);
            assert_in_order(&all, true);
            assert_eq!(texts(&all), (0..TOKENS).map(|n| format!("{n} ")).collect::<String>());
            let tower_llm_callbacks::EventData::LlmEnd(result) = all[TOKENS + 1].data() else {
                panic!("{:?}", all[TOKENS + 1])
            };
            assert_eq!(result.dropped_tokens, 0);
            assert_eq!(events.output(), Some(TOKENS + 1));
        }
    });
}

/// Nothing happens by itself.
#[test]
fn it_is_reading_that_drives() {
    let runtime = Flavor::Current.runtime();
    let _entered = runtime.enter();
    let (model, recorder) = (ScriptedModel::new(Script::answer(["a"])), Recorder::new());
    let callbacks = Callbacks::new().inline(recorder.clone());
    let mut call = CallbackLayer::new(callbacks).layer(model.clone());
    let call = async move { call.call(request()).await };
    let mut events = task::spawn(EventStream::builder().of(call));
    assert_eq!((model.calls(), recorder.events().len()), (0, 0));
    assert_pending!(events.poll_next());
    // It waits in the start phase for whoever reads.
    assert_eq!((model.calls(), recorder.kinds()), (0, vec![EventKind::LlmStart]));
    assert!(format!("{events:?}").contains("done: false"));
    runtime.block_on(async {
        let started = events.next().await.unwrap();
        assert_eq!(started.kind(), EventKind::LlmStart);
    });
    // Of the stream that the call gave nobody reads: its run has not ended, and is not waited for.
    runtime.block_on(async { while events.next().await.is_some() {} });
    assert_eq!(model.calls(), 1);
    assert!(events.output().unwrap().is_ok());
    assert!(format!("{events:?}").contains("done: true"));
}

#[test]
fn dropping_it_cancels() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().inline(recorder.clone());
        let model = ScriptedModel::new(Script::new().respond().text("a").hang());
        let mut wrapped = CallbackLayer::new(callbacks.clone()).layer(model.clone());
        let chain = RunLayer::chain("outer").callbacks(&callbacks);
        let inside = async move {
            read(wrapped.call(request()).await?).await;
            Ok::<_, BoxError>(())
        };
        let mut events = EventStream::builder().of(async move { chain.run(inside).await });
        for _ in 0..3 {
            assert!(events.next().await.is_some());
        }
        assert_eq!(model.live(), 1);
        drop(events);
        assert_eq!(model.live(), 0);
        let ends = recorder.terminals();
        assert_eq!(ends.len(), 2);
        assert!(ends.iter().all(|end| end.error().unwrap().kind() == ErrorKind::Cancelled));
    });
}

/// The end of the future ends the stream, though runs that it began are alive.
#[test]
fn what_outlives_the_future_is_not_waited_for() {
    on_each_runtime(|| async {
        let model = ScriptedModel::new(Script::new().respond().text("a").hang());
        let mut service = CallbackLayer::new(Callbacks::new()).layer(model.clone());
        let spawns = chain("spawns", async move {
            let call = async move { read(service.call(request()).await.unwrap()).await };
            let task = tokio::spawn(call.in_current_run());
            support::until(|| model.live() == 1).await;
            Ok(task)
        });
        let mut events = EventStream::builder().of(spawns);
        let all: Vec<_> = events.by_ref().collect().await;
        let task = events.output().unwrap().unwrap();
        assert!(!task.is_finished());
        let ends: Vec<_> = all.iter().filter(|event| is_end(event)).collect();
        assert_eq!(ends.len(), 1);
        assert_eq!(ends[0].run().name(), "spawns");
        task.abort();
    });
}

/// A service's future by itself, if it is one that makes the call where it is polled.
#[test]
fn a_future_of_a_service() {
    on_each_runtime(|| async {
        let model = ScriptedModel::new(Script::answer(["a"]));
        let model = CallbackLayer::new(Callbacks::new()).layer(model);
        let mut events = EventStream::builder().of(model.oneshot(request()));
        assert_eq!(events.next().await.unwrap().kind(), EventKind::LlmStart);
        assert!(events.next().await.is_none());
        assert_eq!(read(events.output().unwrap().unwrap()).await.0.len(), 3);
    });
}

/// A panic goes on to whoever reads.
#[test]
fn a_future_that_panics() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let callbacks = Callbacks::new().inline(recorder.clone());
        let chain = RunLayer::chain("outer").callbacks(&callbacks);
        let inside = async {
            yield_now().await;
            let panics = true;
            assert!(!panics, "scripted");
            Ok::<_, BoxError>(())
        };
        let mut events = EventStream::builder().of(async move { chain.run(inside).await });
        assert_eq!(events.next().await.unwrap().kind(), EventKind::RunStart(RunType::Chain));
        assert!(AssertUnwindSafe(events.next()).catch_unwind().await.is_err());
        drop(events);
        assert_eq!(recorder.terminals()[0].error().unwrap().kind(), ErrorKind::Panic);
    });
}

/// The future's code is in the run that the stream was made in or read in, as any future's is.
#[test]
fn it_is_inside_of_the_run_around() {
    on_each_runtime(|| async {
        let events = RunLayer::chain("around").callbacks(&Callbacks::new().inline(Recorder::new()));
        let (around, events) = events
            .run(async {
                let around = Run::current().unwrap().run_id();
                let events = collect(EventStream::builder().of(agent())).await;
                Ok::<_, BoxError>((around, events))
            })
            .await
            .unwrap();
        assert_agent(&events);
        assert!(events.iter().all(|event| event.parent_ids().first() == Some(&around)));
    });
}

/// Fifty at once, on several threads: nothing is lost, and each is whole.
#[test]
fn many_children_at_once() {
    let runtime = Flavor::Multi.runtime();
    let test = async {
        let script = |n: usize| {
            let texts = (0..n % 9).fold(Script::new().yields().respond(), |script, t| {
                script.text(format!("{n}/{t} ")).yields()
            });
            texts.complete("stop")
        };
        let children = move |n: usize| {
            let child = async move { ask("child", script(n)).await.unwrap() };
            tokio::spawn(child.in_current_run())
        };
        let root = chain("root", async move {
            let all = join_all((0..50).map(children)).await;
            Ok(all.into_iter().map(Result::unwrap).collect::<Vec<_>>())
        });
        let mut events = EventStream::builder().capacity(3).of(root);
        let all: Vec<_> = events.by_ref().collect().await;
        assert_in_order(&all, true);
        assert_nested(&all);
        let output = events.output().unwrap().unwrap();
        let runs = by_run(&all);
        assert_eq!(runs.len(), 51);
        let mut told: Vec<_> = runs[1..]
            .iter()
            .map(|(_, run)| {
                let events: Vec<_> = run.iter().map(|event| (*event).clone()).collect();
                texts(&events)
            })
            .collect();
        let mut output = output;
        told.sort();
        output.sort();
        assert_eq!(told, output);
    };
    let task = runtime.spawn(test);
    runtime.block_on(async { timeout(PATIENCE, task).await.expect("it hangs").unwrap() });
}

/// While it has nothing to give it waits, and wakes whoever reads.
#[tokio::test(start_paused = true)]
async fn a_pause_is_waited_for() {
    let pause = Duration::from_secs(60);
    let call =
        ask("slow", Script::new().pause(pause).respond().text("a").pause(pause).complete("stop"));
    let mut events = pin!(EventStream::builder().of(call));
    let begun = tokio::time::Instant::now();
    let all: Vec<_> = events.by_ref().collect().await;
    assert_eq!(all.len(), 3);
    assert_eq!(begun.elapsed().as_secs(), 120);
    let mut events = task::spawn(EventStream::builder().of(ready(1)));
    assert!(assert_ready!(events.poll_next()).is_none());
}

#[test]
fn a_capacity_of_none_is_refused() {
    let message = support::panic_of(|| EventStream::builder().capacity(0));
    assert!(message.downcast_ref::<&str>().unwrap().contains("at least 1 event"));
}
