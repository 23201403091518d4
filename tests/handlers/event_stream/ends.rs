//! When an attached stream ends.

use std::{sync::Arc, thread};

use futures::{StreamExt, executor};
use support::{Flavor, on_each_runtime, read, request, until, until_blocking};
use tokio::{
    sync::{Notify, oneshot},
    task::yield_now,
};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, EventKind, InCurrentRun, RunConfig, RunLayer, RunType,
    handlers::{EventStream, RunEvent},
    testing::{Recorder, Script, ScriptedModel},
};

use super::{
    agent, ask, assert_agent, assert_in_order, assert_nested, by_name, by_run, chain, collect,
    is_end, search,
};

fn names(events: &[RunEvent]) -> Vec<String> {
    by_name(events).into_keys().collect()
}

/// Even if callbacks are still held elsewhere.
#[test]
fn the_stream_ends_with_the_root_run() {
    on_each_runtime(|| async {
        for capacity in [1, 256] {
            for wait in [false, true] {
                let builder = EventStream::builder().capacity(capacity);
                let builder = if wait { builder.wait() } else { builder };
                let (callbacks, events) = builder.attach();
                let call = tokio::spawn(RunConfig::new().callbacks(&callbacks).scope(agent()));
                let events = collect(events).await;
                if capacity > 1 || wait {
                    assert_agent(&events);
                    assert_in_order(&events, true);
                }
                assert_nested(&events);
                assert_eq!(by_run(&events).len(), 5);
                assert_eq!(events.iter().filter(|event| is_end(event)).count(), 5);
                call.await.unwrap().unwrap();
                assert!(!callbacks.is_empty());
            }
        }
    });
}

/// The stream ends only after all events are read, however late.
#[test]
fn all_events_are_yielded_before_the_end() {
    on_each_runtime(|| async {
        let (callbacks, mut events) = EventStream::builder().capacity(1).attach();
        let root = chain("root", async {
            let children = (0..40).map(|_| tokio::spawn(search().in_current_run()));
            futures::future::join_all(children.collect::<Vec<_>>()).await;
            Ok(())
        });
        RunConfig::new().callbacks(&callbacks).scope(root).await.unwrap();
        let mut all = Vec::new();
        while let Some(event) = events.next().await {
            all.push(event);
            yield_now().await;
        }
        assert_eq!(all.len(), 82);
        assert_in_order(&all, true);
    });
}

/// A child that ended before the root is waited for, however late its events are. A live child is not.
#[test]
fn children_that_outlive_the_root_are_left_out() {
    on_each_runtime(|| async {
        let (callbacks, events) = EventStream::builder().attach();
        let model = ScriptedModel::new(Script::new().respond().text("a").hang());
        let layer = CallbackLayer::new(Callbacks::new()).name("late");
        let mut service = layer.layer(model.clone());
        let live = model.clone();
        let root = chain("root", async move {
            let call = async move { read(service.call(request()).await.unwrap()).await };
            let task = tokio::spawn(call.in_current_run());
            until(|| live.live() == 1).await;
            search().await?;
            Ok(task)
        });
        let task = RunConfig::new().callbacks(&callbacks).scope(root).await.unwrap();
        let all = collect(events).await;
        assert_eq!(model.live(), 1, "its call continues");
        let ends: Vec<_> = all.iter().filter(|event| is_end(event)).cloned().collect();
        assert_eq!(names(&ends), ["root", "search"]);
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(model.live(), 0);
        // Events after the stream's end hold up no call.
        assert!(callbacks.flush(support::PATIENCE).await.is_complete());
    });
}

/// Also a child that waits for room while the stream is read.
#[test]
fn a_child_waiting_for_the_reader_does_not_block_the_end() {
    on_each_runtime(|| async {
        let (callbacks, mut events) = EventStream::builder().capacity(1).wait().attach();
        let (sender, receiver) = oneshot::channel();
        let root = chain("root", async move {
            // It waits in its first event, for which there is no room.
            let task = tokio::spawn(ask("child", Script::answer(["a"])).in_current_run());
            receiver.await.unwrap();
            Ok(task)
        });
        let call = tokio::spawn(RunConfig::new().callbacks(&callbacks).scope(root));
        assert_eq!(events.next().await.unwrap().kind(), EventKind::RunStart(RunType::Chain));
        sender.send(()).unwrap();
        let rest = collect(events).await;
        let task = call.await.unwrap().unwrap();
        assert!(rest.iter().any(|event| event.kind() == EventKind::RunEnd(RunType::Chain)));
        // The stream has ended, and the child continues.
        assert_eq!(task.await.unwrap().unwrap(), "a");
    });
}

/// After the root's end no run waits, even if no event was read.
#[test]
fn no_run_waits_after_the_roots_end() {
    on_each_runtime(|| async {
        let (callbacks, events) = EventStream::builder().capacity(2).wait().attach();
        let ((goes_on, waits), (begins, begun)) = (oneshot::channel(), oneshot::channel());
        let root = chain("root", async move {
            let child = chain("child", async move {
                begins.send(()).unwrap();
                waits.await?;
                ask("late", Script::answer((0..20).map(|_| "a"))).await
            });
            let task = tokio::spawn(child.in_current_run());
            begun.await?;
            Ok(task)
        });
        let child = RunConfig::new().callbacks(&callbacks).scope(root).await.unwrap();
        goes_on.send(()).unwrap();
        assert_eq!(child.await.unwrap().unwrap().len(), 20);
        assert_eq!(names(&collect(events).await), ["child", "root"]);
    });
}

/// The first run is the root. Other roots with the same callbacks are not part of the stream.
#[test]
fn other_roots_are_left_out() {
    on_each_runtime(|| async {
        let (callbacks, events) = EventStream::builder().attach();
        let config = || RunConfig::new().callbacks(&callbacks);
        let (begun, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begins, waits) = (Arc::clone(&begun), Arc::clone(&goes_on));
        let root = config().scope(chain("root", async move {
            begins.notify_one();
            waits.notified().await;
            search().await
        }));
        let root = tokio::spawn(root);
        begun.notified().await;
        config().scope(agent()).await.unwrap();
        goes_on.notify_one();
        root.await.unwrap().unwrap();
        config().scope(agent()).await.unwrap();
        let events = collect(events).await;
        assert_eq!(names(&events), ["root", "search"]);
        assert_in_order(&events, true);
    });
}

/// Other roots do not wait for the reader either.
#[test]
fn other_roots_are_not_held_up() {
    on_each_runtime(|| async {
        let (callbacks, mut events) = EventStream::builder().capacity(1).wait().attach();
        let config = || RunConfig::new().callbacks(&callbacks);
        let script = Script::answer((0..20).map(|_| "a"));
        let held = tokio::spawn(config().scope(ask("held", script)));
        assert_eq!(events.next().await.unwrap().run().name(), "held");
        // Its tokens fill the stream, and no events are read.
        config().scope(agent()).await.unwrap();
        assert!(!held.is_finished());
        let rest = collect(events).await;
        assert_eq!((names(&rest), rest.len()), (vec!["held".to_owned()], 21));
        assert_eq!(held.await.unwrap().unwrap().len(), 20);
    });
}

/// The stream's root may be a child in a larger trace.
#[test]
fn the_root_may_be_a_child_run() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let (callbacks, events) = EventStream::builder().attach();
        let around = RunLayer::chain("around").callbacks(Callbacks::new().inline(recorder.clone()));
        let config = RunConfig::new().callbacks(&callbacks);
        around.run(async { config.scope(agent()).await }).await.unwrap();
        let events = collect(events).await;
        assert_agent(&events);
        let around = recorder.run_ids()[0];
        assert!(events.iter().all(|event| event.parent_ids()[0] == around));
    });
}

#[test]
fn callbacks_dropped_without_a_run_end_the_stream() {
    on_each_runtime(|| async {
        let (callbacks, mut events) = EventStream::builder().attach();
        let config = RunConfig::new().callbacks(&callbacks).tags(["unused"]);
        drop(callbacks);
        {
            let mut pending = task::spawn(&mut events);
            assert_pending!(pending.poll_next());
            config.scope(yield_now()).await;
            // Handlers are dropped on a thread of their own.
            support::until(|| pending.is_woken()).await;
            assert!(assert_ready!(pending.poll_next()).is_none());
        }
        assert!(events.next().await.is_none());
    });
}

/// The stream ends after the first run even if the layer still holds the callbacks.
#[test]
fn a_layer_that_holds_the_callbacks_does_not_delay_the_end() {
    on_each_runtime(|| async {
        let (callbacks, events) = EventStream::builder().attach();
        let layer = RunLayer::chain("root").inheritable_callbacks(&callbacks);
        drop(callbacks);
        let mut service = layer.layer(service_fn(|()| search()));
        let mut events = task::spawn(events);
        assert_pending!(events.poll_next());
        service.call(()).await.unwrap();
        let all: Vec<_> = events.by_ref().collect().await;
        assert_eq!(names(&all), ["root", "search"]);
        // The stream ignores a second call.
        service.call(()).await.unwrap();
        assert!(events.next().await.is_none());
    });
}

/// Without a runtime the call cannot wait for the reader, but all events are yielded.
#[test]
fn a_call_outside_a_runtime() {
    for wait in [false, true] {
        let builder = EventStream::builder();
        let builder = if wait { builder.wait() } else { builder };
        let (callbacks, events) = builder.attach();
        let config = RunConfig::new().callbacks(&callbacks);
        executor::block_on(config.scope(agent())).unwrap();
        let events = executor::block_on(collect(events));
        assert_agent(&events);
        assert_nested(&events);
    }
    let mut events = EventStream::builder().of(agent());
    assert_agent(&executor::block_on(collect(&mut events)));
    assert_eq!(events.output().unwrap().unwrap(), "ab");
}

/// A child of the run is called where there is no runtime.
#[test]
fn a_child_outside_a_runtime() {
    on_each_runtime(|| async {
        for wait in [false, true] {
            let builder = EventStream::builder();
            let builder = if wait { builder.wait() } else { builder };
            let (callbacks, events) = builder.attach();
            let root = chain("root", async {
                let child =
                    (|| executor::block_on(ask("child", Script::answer(["a"])))).in_current_run();
                let (sender, receiver) = oneshot::channel();
                thread::spawn(move || sender.send(child.call().unwrap()).unwrap());
                assert_eq!(receiver.await.unwrap(), "a");
                search().await
            });
            let call = tokio::spawn(RunConfig::new().callbacks(&callbacks).scope(root));
            let events = collect(events).await;
            call.await.unwrap().unwrap();
            assert_eq!(names(&events), ["child", "root", "search"]);
            assert_in_order(&events, true);
            assert_nested(&events);
        }
    });
}

/// A runtime's shutdown drops the call; the stream yields its terminals.
#[test]
fn a_runtime_shutdown_ends_the_stream() {
    for flavor in [Flavor::Current, Flavor::Multi] {
        for (wait, reads) in [(false, 0), (true, 0), (false, 2), (true, 2)] {
            let runtime = flavor.runtime();
            let builder = EventStream::builder().capacity(1);
            let builder = if wait { builder.wait() } else { builder };
            let (callbacks, mut events) = builder.attach();
            let witness = Recorder::new();
            let config = RunConfig::new().callbacks(&callbacks);
            let config = config.callbacks(Callbacks::new().inline(witness.clone()));
            let call = runtime.spawn(config.scope(chain("root", async {
                ask("child", Script::new().respond().text("a").text("b").hang()).await
            })));
            // With `wait` and no reader, the call stops at its first run.
            let expected_runs = if wait && reads == 0 { 1 } else { 2 };
            runtime.block_on(async {
                for _ in 0..reads {
                    events.next().await.unwrap();
                }
                until(|| witness.run_ids().len() >= expected_runs).await;
            });
            runtime.shutdown_background();
            let rest = executor::block_on(collect(events));
            assert_eq!(rest.last().unwrap().kind(), EventKind::RunError(RunType::Chain));
            assert_eq!(rest.iter().filter(|event| is_end(event)).count(), witness.run_ids().len());
            drop(call);
            // The recorder is notified after the stream.
            until_blocking(|| witness.terminals().len() == witness.run_ids().len());
        }
    }
}
