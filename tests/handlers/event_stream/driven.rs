//! A stream that drives a future: no events are dropped, and the future never runs ahead of the reader.

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
    CallbackLayer, Callbacks, ErrorKind, EventKind, InCurrentRun, Run, RunLayer, RunType,
    chat::{ChatChunk, ChatRequest},
    handlers::EventStream,
    testing::{Recorder, Script, ScriptedModel},
};

use super::{
    agent, ask, assert_agent, assert_in_order, assert_nested, by_run, chain, collect, is_end, look,
    search, texts,
};

#[test]
fn all_events_are_yielded_in_order() {
    on_each_runtime(|| async {
        for capacity in [1, 2, 256] {
            let mut events = EventStream::builder().capacity(capacity).of(agent());
            assert!(events.output().is_none());
            let all: Vec<_> = events.by_ref().collect().await;
            assert_agent(&all);
            assert_in_order(&all, true);
            assert_nested(&all);
            assert_eq!(texts(&all), "abc");
            // The output can be taken once.
            assert_eq!(events.output().unwrap().unwrap(), "ab");
            assert!(events.output().is_none());
            assert!(events.next().await.is_none(), "the stream stays ended");
        }
    });
}

/// Each run's `parent_ids` has all its ancestors, the root first.
#[test]
fn parent_ids_contain_all_ancestors() {
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

/// Futures with several root runs and without any.
#[test]
fn all_root_runs_of_the_future_are_yielded() {
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

/// The future progresses only while no event waits to be read.
#[test]
fn a_slow_reader_loses_no_events_and_is_not_overtaken() {
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
                // In the run's queue, in the stream, and in flight.
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

/// The future makes progress only when the stream is polled.
#[test]
fn polling_the_stream_drives_the_future() {
    let runtime = Flavor::Current.runtime();
    let _entered = runtime.enter();
    let (model, recorder) = (ScriptedModel::new(Script::answer(["a"])), Recorder::new());
    let callbacks = Callbacks::new().inline(recorder.clone());
    let mut call = CallbackLayer::new(callbacks).layer(model.clone());
    let call = async move { call.call(request()).await };
    let mut events = task::spawn(EventStream::builder().of(call));
    assert_eq!((model.calls(), recorder.events().len()), (0, 0));
    assert_pending!(events.poll_next());
    // The start phase waits for the reader.
    assert_eq!((model.calls(), recorder.kinds()), (0, vec![EventKind::LlmStart]));
    assert!(format!("{events:?}").contains("done: false"));
    runtime.block_on(async {
        let started = events.next().await.unwrap();
        assert_eq!(started.kind(), EventKind::LlmStart);
    });
    // The call returned a stream that is never read. Its run has not ended, and is not waited for.
    runtime.block_on(async { while events.next().await.is_some() {} });
    assert_eq!(model.calls(), 1);
    assert!(events.output().unwrap().is_ok());
    assert!(format!("{events:?}").contains("done: true"));
}

#[test]
fn dropping_the_stream_cancels_the_call() {
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

/// The stream ends with the future, even if runs it started are alive.
#[test]
fn the_stream_does_not_wait_for_detached_runs() {
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

/// A service's future can be driven directly if it makes the call when polled.
#[test]
fn a_service_future_can_be_driven() {
    on_each_runtime(|| async {
        let model = ScriptedModel::new(Script::answer(["a"]));
        let model = CallbackLayer::new(Callbacks::new()).layer(model);
        let mut events = EventStream::builder().of(model.oneshot(request()));
        assert_eq!(events.next().await.unwrap().kind(), EventKind::LlmStart);
        assert!(events.next().await.is_none());
        assert_eq!(read(events.output().unwrap().unwrap()).await.0.len(), 3);
    });
}

/// A panic of the future propagates to the reader.
#[test]
fn a_panic_propagates_to_the_reader() {
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

/// The future runs inside the run that created or polls the stream, as any future does.
#[test]
fn the_future_runs_inside_the_surrounding_run() {
    on_each_runtime(|| async {
        let events = RunLayer::chain("around").callbacks(Callbacks::new().inline(Recorder::new()));
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

/// Fifty children on several threads: no events are lost, and each run is complete.
#[test]
fn concurrent_children_are_complete() {
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
        let mut streamed: Vec<_> = runs[1..]
            .iter()
            .map(|(_, run)| {
                let events: Vec<_> = run.iter().map(|event| (*event).clone()).collect();
                texts(&events)
            })
            .collect();
        let mut output = output;
        streamed.sort();
        output.sort();
        assert_eq!(streamed, output);
    };
    let task = runtime.spawn(test);
    runtime.block_on(async { timeout(PATIENCE, task).await.expect("the test hangs").unwrap() });
}

/// A stream without events is pending, and wakes the reader later.
#[tokio::test(start_paused = true)]
async fn a_pause_leaves_the_stream_pending() {
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
fn a_capacity_of_zero_panics() {
    let message = support::panic_of(|| EventStream::builder().capacity(0));
    assert!(message.downcast_ref::<&str>().unwrap().contains("at least 1 event"));
}
