//! Where the run does not follow on its own: spawned tasks, threads, streams that leave the call, and
//! `tower::Buffer`.

use std::{sync::mpsc, thread};

use futures::{FutureExt, StreamExt, executor::block_on, stream};
use support::{PATIENCE, everywhere, read, request};
use tokio::{runtime::Handle, task::spawn_blocking};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, buffer::BufferLayer};
use tower_llm_callbacks::{
    AttemptsLayer, CallbackLayer, Callbacks, InCurrentRun, Run, RunConfig,
    chat::{ChatChunk, ChatRequest},
    scope::RunContextLayer,
    testing::{Script, ScriptedModel},
};

use super::{Agent, ask, assert_all_see, chunks, leaf, outer, starts};

#[test]
fn a_spawned_task_is_inside_only_with_the_adaptor() {
    everywhere(|recorders| async move {
        let model = leaf(&recorders.layer());
        let work = move |_| {
            let model = model.clone();
            async move {
                tokio::spawn(ask(model.clone()).in_current_run()).await.unwrap();
                let run = Run::current().unwrap();
                tokio::spawn(ask(model.clone()).in_run(&run)).await.unwrap();
                tokio::spawn(ask(model)).await.unwrap();
                chunks()
            }
        };
        outer(&recorders.layer(), work).await;
        assert_all_see(&recorders, 2, 1).await;
    });
}

/// A task that outlives the run in which it was spawned stays inside it.
#[test]
fn a_spawned_task_stays_inside_after_the_end() {
    everywhere(|recorders| async move {
        let model = leaf(&recorders.layer());
        let (release, waits) = tokio::sync::oneshot::channel::<()>();
        let slot = std::sync::Mutex::new(Some(waits));
        let (send, mut spawned) = tokio::sync::mpsc::unbounded_channel();
        let work = move |_| {
            let (waits, model) = (slot.lock().unwrap().take().unwrap(), model.clone());
            let late = async move {
                waits.await.unwrap();
                ask(model).await;
            };
            send.send(tokio::spawn(late.in_current_run())).unwrap();
            std::future::ready(chunks())
        };
        outer(&recorders.layer(), work).await;
        release.send(()).unwrap();
        spawned.recv().await.unwrap().await.unwrap();
        assert_all_see(&recorders, 1, 0).await;
    });
}

#[test]
fn a_thread_is_inside_only_with_the_adaptor_or_a_scope() {
    everywhere(|mut recorders| async move {
        // Threads have no runtime.
        recorders.callbacks = recorders.callbacks.runtime(Handle::current());
        let model = leaf(&recorders.layer());
        let work = move |_| {
            let model = model.clone();
            async move {
                let run = Run::current().unwrap();
                let (inside, outside) = (model.clone(), model.clone());
                let within = ask(model.clone()).in_current_run();
                let (done, is_done) = tokio::sync::oneshot::channel();
                thread::spawn(move || {
                    assert!(Run::current().is_none());
                    block_on(within);
                    run.scope(|| block_on(ask(inside)));
                    assert!(Run::current().is_none());
                    block_on(ask(outside));
                    done.send(()).unwrap();
                });
                is_done.await.unwrap();
                let within = ask(model.clone()).in_current_run();
                let blocking = move || {
                    Handle::current().block_on(within);
                    Handle::current().block_on(ask(model));
                };
                spawn_blocking(blocking).await.unwrap();
                chunks()
            }
        };
        outer(&recorders.layer(), work).await;
        assert_all_see(&recorders, 3, 2).await;
    });
}

/// A stream is made in a run, handed out and polled elsewhere.
#[test]
fn a_stream_polled_elsewhere_is_inside_only_with_the_adaptor() {
    everywhere(|recorders| async move {
        let model = leaf(&recorders.layer());
        let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
        let hand_out = move |_| {
            let work = |model| stream::once(ask(model)).chain(stream::empty());
            send.send(work(model.clone()).in_current_run().boxed()).unwrap();
            send.send(work(model.clone()).boxed()).unwrap();
            std::future::ready(chunks())
        };
        outer(&recorders.layer(), hand_out).await;
        for _ in 0..2 {
            let mut stream = receive.recv().await.unwrap();
            while stream.next().await.is_some() {}
        }
        assert_all_see(&recorders, 1, 1).await;
    });
}

/// The task that reads polls the inner stream of a run. It may be another task than the caller's.
#[test]
fn the_stream_of_a_run_may_be_read_by_another_task() {
    everywhere(|recorders| async move {
        let model = leaf(&recorders.layer());
        let inner = Agent::new(move |_| {
            let model = model.clone();
            let work = stream::once(async move {
                ask(model).await;
                Ok::<_, BoxError>(ChatChunk::text("asked"))
            });
            std::future::ready(work.chain(chunks()).boxed())
        });
        let mut service = recorders.layer().name("parent").layer(inner);
        let stream = service.call(request()).await.unwrap();
        tokio::spawn(read(stream).map(drop)).await.unwrap();
        assert_all_see(&recorders, 1, 0).await;
    });
}

/// A buffer's worker makes the call in a task of its own. The request carries the run there.
#[test]
fn the_request_carries_the_run_through_a_buffer() {
    everywhere(|recorders| async move {
        let model = ScriptedModel::new(Script::answer(["a"]));
        let mut stack = ServiceBuilder::new()
            .layer(recorders.layer().name("parent"))
            .layer(BufferLayer::new(4))
            .layer(recorders.layer().name("child"))
            .service(model);
        let stream = stack.ready().await.unwrap().call(request()).await.unwrap();
        assert!(read(stream).await.1.is_none());
        drop(stack);
        assert_all_see(&recorders, 1, 0).await;
    });
}

/// A layer puts the settings of the request into it, so that they pass a buffer too.
#[test]
fn the_request_carries_inherited_settings_through_a_buffer() {
    everywhere(|recorders| async move {
        let model = ScriptedModel::new(Script::answer(["a"]).yields());
        let mut stack = ServiceBuilder::new()
            .layer(AttemptsLayer::new())
            .layer(RunContextLayer::new())
            .layer(BufferLayer::new(4))
            .layer(CallbackLayer::new(Callbacks::new()).name("parent"))
            .service(model);
        let config = RunConfig::new().callbacks(&recorders.callbacks).tags(["urgent"]);
        let work =
            async { read(stack.ready().await.unwrap().call(request()).await.unwrap()).await };
        let reading = tokio::time::timeout(PATIENCE, config.scope(work));
        assert!(reading.await.unwrap().1.is_none());
        let end = recorders.ended(None).await;
        assert_eq!((&*end.name, &*end.tags), ("parent", &["urgent".into()][..]));
    });
}

/// The run that is current where the call is made takes precedence over the one that the request carries.
#[test]
fn the_current_run_takes_precedence_over_the_carried_run() {
    everywhere(|recorders| async move {
        let (send, sent) = mpsc::channel();
        let work = move |request: ChatRequest| {
            send.send(request).unwrap();
            std::future::ready(chunks())
        };
        outer(&recorders.layer(), work).await;
        let carrying = sent.recv().unwrap();
        let mut model = leaf(&recorders.layer());
        let other = super::current::some_run();
        let stream = model.call(carrying.clone()).in_run(&other).now_or_never();
        drop(stream);
        let inside = other.scope(|| model.call(carrying.clone()));
        read(inside.await.unwrap()).await;
        read(model.call(carrying).await.unwrap()).await;
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        for (_, recorder) in &recorders.each {
            let runs = starts(recorder);
            let parents: Vec<_> = runs.iter().map(|run| run.parent_run_id).collect();
            let first = Some(runs[0].run_id);
            // The second call is made outside the other run and only polled in it: the carried run is its parent.
            assert_eq!(parents, [None, first, Some(other.run_id()), first]);
        }
    });
}
