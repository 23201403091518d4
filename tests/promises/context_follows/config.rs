//! Settings of the request: nested settings merge, name and id apply to one run only.

use futures::{FutureExt, StreamExt, stream};
use serde_json::json;
use support::{Recorders, call, everywhere, in_each_mode, on_each_runtime, read, request};
use tower::{Layer, Service};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, EventData, InCurrentRun, Run, RunConfig, emit,
    run::EmitError,
    testing::{Recorder, Script, ScriptedModel, assert_promises},
};
use uuid::Uuid;

use super::{Model, ask, chunks, leaf, outer, starts};

/// An inline recorder, and a layer with a name of its own that notifies it.
fn recorded_layer() -> (Recorder, CallbackLayer) {
    let recorder = Recorder::new();
    let layer = CallbackLayer::new(Callbacks::new().inline(recorder.clone()));
    (recorder, layer.name("own"))
}

fn model(layer: &CallbackLayer) -> Model {
    layer.layer(ScriptedModel::new(Script::answer(["a", "b"])))
}

fn names(recorder: &Recorder) -> Vec<String> {
    assert_promises(&recorder.events());
    starts(recorder).into_iter().map(|start| start.name).collect()
}

#[test]
fn name_and_id_apply_to_the_first_run_only() {
    on_each_runtime(|| async {
        let (recorder, layer) = recorded_layer();
        let model = model(&layer);
        let id = Uuid::now_v7();
        let work = async {
            ask(model.clone()).await;
            ask(model.clone()).await;
        };
        RunConfig::new().run_name("given").run_id(id).scope(work).await;
        assert_eq!(names(&recorder), ["given", "own"]);
        let ids = recorder.run_ids();
        assert_eq!(ids[0], id);
        assert_ne!(ids[1], id);
        assert_eq!(ids[1].get_version_num(), 7);
        assert_eq!(recorder.run(id)[0].root_run_id, id);
    });
}

/// Children have names and ids of their own.
#[test]
fn name_and_id_do_not_apply_to_children() {
    everywhere(|recorders| async move {
        let model = leaf(&recorders.layer());
        let id = Uuid::now_v7();
        let work = move |_| {
            let model = model.clone();
            async move {
                ask(model).await;
                chunks()
            }
        };
        let config = RunConfig::new().run_name("given").run_id(id);
        config.scope(outer(&recorders.layer(), work)).await;
        assert!(recorders.callbacks.flush(super::PATIENCE).await.is_complete());
        for (_, recorder) in &recorders.each {
            assert_eq!(names(recorder), ["given", "child"]);
            let runs = starts(recorder);
            assert_eq!((runs[0].run_id, runs[1].parent_run_id), (id, Some(id)));
        }
    });
}

/// An unobserved call does not use them up.
#[test]
fn name_and_id_apply_to_the_first_observed_call() {
    on_each_runtime(|| async {
        let (recorder, layer) = recorded_layer();
        let work = async {
            ask(model(&CallbackLayer::new(Callbacks::new()))).await;
            ask(model(&layer)).await;
        };
        RunConfig::new().run_name("given").scope(work).await;
        assert_eq!(names(&recorder), ["given"]);
    });
}

#[test]
fn nested_settings_merge() {
    in_each_mode(|mode| async move {
        let (outer, inner) = (Recorders::new(&[mode]), Recorders::new(&[mode]));
        let (recorder, layer) = recorded_layer();
        let id = Uuid::now_v7();
        let innermost = RunConfig::new()
            .callbacks(&inner.callbacks)
            .tags(["b", "c", "c"])
            .metadata("both", "inner")
            .run_name("inner");
        let outermost = RunConfig::new()
            .callbacks(&outer.callbacks)
            .tags(["a", "b"])
            .metadata("both", "outer")
            .metadata("outer", json!({"kept": true}))
            .run_name("outer")
            .run_id(id);
        let layer = layer.tags(["c", "d"]).metadata("layer", 1);
        let work = async {
            innermost.scope(ask(model(&layer))).await;
        };
        outermost.scope(work).await;
        inner.ended(None).await;
        let end = outer.ended(None).await;
        assert_eq!((&*end.name, end.run_id), ("inner", id));
        assert_eq!(end.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        let metadata = json!({"both": "inner", "outer": {"kept": true}, "layer": 1});
        assert_eq!(json!(end.metadata), metadata);
        assert_eq!(recorder.terminals().len(), 1);
    });
}

/// Outside the inner scope, only the outer one applies.
#[test]
fn settings_end_with_their_scope() {
    on_each_runtime(|| async {
        let (recorder, layer) = recorded_layer();
        let model = model(&layer);
        let work = async {
            RunConfig::new().tags(["inner"]).scope(ask(model.clone())).await;
            ask(model.clone()).await;
        };
        RunConfig::new().tags(["outer"]).scope(work).await;
        ask(model).await;
        let tags: Vec<_> = recorder.terminals().iter().map(|end| end.tags.join("+")).collect();
        assert_eq!(tags, ["outer+inner", "outer", ""]);
    });
}

/// Futures, streams and closures, and spawned tasks with the adaptor.
#[test]
fn futures_streams_closures_and_tasks_can_be_scoped() {
    on_each_runtime(|| async {
        let (recorder, layer) = recorded_layer();
        let model = model(&layer);
        let config = |name| RunConfig::new().run_name(name);
        config("future").scope(ask(model.clone())).await;
        let work = stream::once(ask(model.clone()));
        assert_eq!(config("stream").scope(work).count().await, 1);
        let mut called = model.clone();
        let future = config("closure").sync_scope(|| called.call(request()));
        read(future.await.unwrap()).await;
        let task = async {
            tokio::spawn(ask(model.clone()).in_current_run()).await.unwrap();
        };
        config("task").scope(task).await;
        assert_eq!(names(&recorder), ["future", "stream", "closure", "task"]);
    });
}

#[test]
fn settings_alone_do_not_make_a_run() {
    RunConfig::new().tags(["a"]).run_name("none").sync_scope(|| {
        assert!(Run::current().is_none());
        let error: EmitError = emit("outside", 1).unwrap_err();
        assert!(!error.is_ended() && error.full_queues() == 0);
        assert!(error.to_string().contains("no current run"), "{error}");
    });
    assert!(emit("outside", 1).is_err());
}

/// The free function emits custom events of the current run.
#[test]
fn emitted_events_belong_to_the_current_run() {
    everywhere(|recorders| async move {
        let model = leaf(&recorders.layer());
        let work = move |_| {
            let model = model.clone();
            async move {
                emit("before", json!({"n": 1})).unwrap();
                ask(model).await;
                emit("after", 2).unwrap();
                chunks()
            }
        };
        outer(&recorders.layer(), work).await;
        assert!(recorders.callbacks.flush(super::PATIENCE).await.is_complete());
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            let custom: Vec<_> = recorder
                .events()
                .into_iter()
                .filter_map(|event| match event.data {
                    EventData::Custom(custom) => Some((event.name, custom)),
                    _ => None,
                })
                .collect();
            let seen: Vec<_> = custom
                .iter()
                .map(|(run, custom)| (&**run, &*custom.name, custom.value.clone()))
                .collect();
            let expected = [("parent", "before", json!({"n": 1})), ("parent", "after", json!(2))];
            assert_eq!(seen, expected, "{mode:?}");
        }
    });
}

/// `emit` fails once the run has ended.
#[test]
fn emit_fails_after_the_end() {
    everywhere(|recorders| async move {
        let (handler, runs) = support::runs();
        let recorders = recorders.with(handler);
        let (_, mut model) = recorders.model(Script::answer(["a"]));
        let stream = call(&mut model).now_or_never();
        drop(stream);
        let run = runs.lock().unwrap().pop().unwrap();
        assert!(run.scope(|| emit("late", 1)).unwrap_err().is_ended());
    });
}
