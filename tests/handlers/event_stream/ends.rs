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
    CallbackLayer, Callbacks, EventKind, InCurrentRun, RunConfig, RunLayer,
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

/// Whoever has the callbacks may keep them.
#[test]
fn it_ends_with_the_root_run() {
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

/// Nor before everything is given: whoever reads may come late.
#[test]
fn everything_that_was_told_is_given_before() {
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

/// A run that has ended by then is waited for, however late its events are; one that has not is not.
#[test]
fn children_that_outlive_the_root() {
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
        assert_eq!(model.live(), 1, "its call goes on");
        let ends: Vec<_> = all.iter().filter(|event| is_end(event)).cloned().collect();
        assert_eq!(names(&ends), ["root", "search"]);
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(model.live(), 0);
        // What comes after the end of the stream is held up by nobody.
        assert!(callbacks.flush(support::PATIENCE).await.is_complete());
    });
}

/// Also one that is in the midst of being read.
#[test]
fn a_child_that_waits_for_whoever_reads() {
    on_each_runtime(|| async {
        let (callbacks, mut events) = EventStream::builder().capacity(1).wait().attach();
        let (sender, receiver) = oneshot::channel();
        let root = chain("root", async move {
            // It stands still in its first event, for which there is no room.
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
        // Now nobody reads, and the child goes on.
        assert_eq!(task.await.unwrap().unwrap(), "a");
    });
}

/// Once the root has ended nobody waits, be it that nothing was read.
#[test]
fn after_the_root_nobody_waits() {
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

/// The first run is the root. Others are not its, though they have the same callbacks.
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

/// Nor do they wait for whoever reads.
#[test]
fn other_roots_are_not_held_up() {
    on_each_runtime(|| async {
        let (callbacks, mut events) = EventStream::builder().capacity(1).wait().attach();
        let config = || RunConfig::new().callbacks(&callbacks);
        let script = Script::answer((0..20).map(|_| "a"));
        let held = tokio::spawn(config().scope(ask("held", script)));
        assert_eq!(events.next().await.unwrap().run().name(), "held");
        // Its tokens fill the stream, and nobody reads any more.
        config().scope(agent()).await.unwrap();
        assert!(!held.is_finished());
        let rest = collect(events).await;
        assert_eq!((names(&rest), rest.len()), (vec!["held".to_owned()], 21));
        assert_eq!(held.await.unwrap().unwrap().len(), 20);
    });
}

/// A root need not be one of the whole trace.
#[test]
fn the_root_may_be_inside_of_others() {
    on_each_runtime(|| async {
        let recorder = Recorder::new();
        let (callbacks, events) = EventStream::builder().attach();
        let around =
            RunLayer::chain("around").callbacks(&Callbacks::new().inline(recorder.clone()));
        let config = RunConfig::new().callbacks(&callbacks);
        around.run(async { config.scope(agent()).await }).await.unwrap();
        let events = collect(events).await;
        assert_agent(&events);
        let around = recorder.run_ids()[0];
        assert!(events.iter().all(|event| event.parent_ids()[0] == around));
    });
}

#[test]
fn callbacks_that_are_dropped_without_a_run() {
    on_each_runtime(|| async {
        let (callbacks, mut events) = EventStream::builder().attach();
        let config = RunConfig::new().callbacks(&callbacks).tags(["unused"]);
        drop(callbacks);
        {
            let mut pending = task::spawn(&mut events);
            assert_pending!(pending.poll_next());
            config.scope(yield_now()).await;
            assert!(pending.is_woken());
            assert!(assert_ready!(pending.poll_next()).is_none());
        }
        assert!(events.next().await.is_none());
    });
}

/// The first run with them is gone, too, before it could end: its callbacks were inherited by nobody.
#[test]
fn a_layer_keeps_its_callbacks() {
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
        // A second call is none of its business.
        service.call(()).await.unwrap();
        assert!(events.next().await.is_none());
    });
}

/// There is nobody to wait for whoever reads; the events are given all the same.
#[test]
fn a_call_outside_of_any_runtime() {
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

/// One child of a run is made where there is no runtime.
#[test]
fn a_child_outside_of_any_runtime() {
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

/// It drops the call; the stream says so.
#[test]
fn a_runtime_that_shuts_down() {
    for flavor in [Flavor::Current, Flavor::Multi] {
        for (wait, reads) in [(false, 0), (true, 0), (false, 2), (true, 2)] {
            let runtime = flavor.runtime();
            let builder = EventStream::builder().capacity(1);
            let builder = if wait { builder.wait() } else { builder };
            let (callbacks, mut events) = builder.attach();
            let witness = Recorder::new();
            let config = RunConfig::new().callbacks(&callbacks);
            let config = config.callbacks(&Callbacks::new().inline(witness.clone()));
            let call = runtime.spawn(config.scope(chain("root", async {
                ask("child", Script::new().respond().text("a").text("b").hang()).await
            })));
            // Where nobody reads a stream that is waited for, the call does not get further than this.
            let told = if wait && reads == 0 { 1 } else { 2 };
            runtime.block_on(async {
                for _ in 0..reads {
                    events.next().await.unwrap();
                }
                until(|| witness.run_ids().len() >= told).await;
            });
            runtime.shutdown_background();
            let rest = executor::block_on(collect(events));
            assert_eq!(rest.last().unwrap().kind(), EventKind::RunError(RunType::Chain));
            assert_eq!(rest.iter().filter(|event| is_end(event)).count(), witness.run_ids().len());
            drop(call);
            // The witness is told after the stream is.
            until_blocking(|| witness.terminals().len() == witness.run_ids().len());
        }
    }
}
