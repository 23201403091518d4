//! What child runs inherit (handlers, tags and metadata), and the order of handlers.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use support::{MODES, Mode, PATIENCE, Recorders, in_each_mode, on_each_runtime};
use tower::Layer;
use tower_llm_callbacks::{
    CallbackHandler, CallbackLayer, Callbacks, EventKind, Registration, RunConfig, on_llm_start,
    testing::{Recorded, Recorder, Script, ScriptedModel, assert_promises},
};

use super::{ask, chunks, leaf, outer, starts};

fn tags(event: &Recorded) -> Vec<&str> {
    event.tags.iter().map(|tag| &**tag).collect()
}

/// Makes a call with a nested call.
async fn family(parent: &CallbackLayer, child: &CallbackLayer) {
    let model = leaf(child);
    let work = move |_| {
        let model = model.clone();
        async move {
            ask(model).await;
            chunks()
        }
    };
    outer(parent, work).await;
}

fn named<'a>(starts: &'a [Recorded], name: &str) -> &'a Recorded {
    starts.iter().find(|start| start.name == name).unwrap()
}

/// Inheritable settings reach children and their children. Local settings do not.
#[test]
fn children_inherit_the_inheritable_settings_of_a_layer() {
    in_each_mode(|mode| async move {
        let (local, inheritable) = (Recorders::new(&[mode]), Recorders::new(&[mode]));
        let parent = local
            .layer()
            .inheritable_callbacks(&inheritable.callbacks)
            .tags(["local", "both"])
            .inheritable_tags(["inheritable", "both"])
            .metadata("local", 1)
            .metadata("both", "local")
            .inheritable_metadata("both", "inheritable")
            .inheritable_metadata("inheritable", 2);
        let silent = CallbackLayer::new(Callbacks::new());
        let model = leaf(&silent);
        let nested = move |_| {
            let (silent, model) = (silent.clone(), model.clone());
            async move {
                let work = move |_| {
                    let model = model.clone();
                    async move {
                        ask(model).await;
                        chunks()
                    }
                };
                outer(&silent.tags(["own"]).metadata("both", "own"), work).await;
                chunks()
            }
        };
        outer(&parent.name("root"), nested).await;
        for recorders in [&local, &inheritable] {
            assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
            recorders.faults.none();
            assert_promises(&recorders.each[0].1.events());
        }
        // `outer` names both of its runs `parent`.
        let own = starts(&local.each[0].1);
        assert_eq!(own.len(), 1);
        assert_eq!(tags(&own[0]), ["inheritable", "both", "local"]);
        assert_eq!(json!(own[0].metadata), json!({"local": 1, "both": "local", "inheritable": 2}));

        let all = starts(&inheritable.each[0].1);
        assert_eq!(all.len(), 3, "the root, its child and its grandchild");
        assert_eq!(all[0].run_id, own[0].run_id);
        let (middle, child) = (&all[1], named(&all, "child"));
        assert_eq!(middle.parent_run_id, Some(all[0].run_id));
        assert_eq!(tags(middle), ["inheritable", "both", "own"]);
        assert_eq!(json!(middle.metadata), json!({"both": "own", "inheritable": 2}));
        assert_eq!(child.parent_run_id, Some(middle.run_id));
        assert_eq!(tags(child), ["inheritable", "both"]);
        assert_eq!(json!(child.metadata), json!({"both": "inheritable", "inheritable": 2}));
        assert!(all.iter().all(|start| start.root_run_id == all[0].run_id));
    });
}

/// Settings of the request reach children too, inside and outside the parent.
#[test]
fn children_inherit_the_settings_of_the_request() {
    in_each_mode(|mode| async move {
        let recorders = Recorders::new(&[mode]);
        let silent = CallbackLayer::new(Callbacks::new());
        RunConfig::new()
            .callbacks(&recorders.callbacks)
            .tags(["urgent"])
            .metadata("user", "u-1")
            .scope(family(&silent.clone().tags(["a"]), &silent.tags(["b"])))
            .await;
        assert!(recorders.callbacks.flush(PATIENCE).await.is_complete());
        let all = starts(&recorders.each[0].1);
        let (parent, child) = (named(&all, "parent"), named(&all, "child"));
        assert_eq!(child.parent_run_id, Some(parent.run_id));
        assert_eq!((tags(parent), tags(child)), (vec!["urgent", "a"], vec!["urgent", "b"]));
        let user: [&Value; 2] = [&parent.metadata["user"], &child.metadata["user"]];
        assert_eq!(user, ["u-1"; 2]);
    });
}

/// Inherited handlers come first, then those of the request, then the layer's own; within each, in the order
/// of adding.
#[test]
fn handlers_are_notified_inherited_first_then_local() {
    on_each_runtime(|| async {
        let received: Arc<Mutex<Vec<(String, &str)>>> = Arc::default();
        let set = |names: [&'static str; 2]| {
            names.into_iter().fold(Callbacks::new(), |all, name| {
                let received = Arc::clone(&received);
                all.inline(on_llm_start(move |run, _| {
                    received.lock().unwrap().push((run.name().to_owned(), name));
                }))
            })
        };
        let parent = CallbackLayer::new(set(["parent's 1", "parent's 2"]))
            .inheritable_callbacks(set(["inheritable 1", "inheritable 2"]));
        let child = CallbackLayer::new(set(["child's 1", "child's 2"]));
        let model = leaf(&child);
        let at_request = set(["request 1", "request 2"]);
        let work = move |_| {
            let (model, at_request) = (model.clone(), at_request.clone());
            async move {
                RunConfig::new().callbacks(&at_request).scope(ask(model)).await;
                chunks()
            }
        };
        RunConfig::new().callbacks(set(["first", "second"])).scope(outer(&parent, work)).await;
        let received = received.lock().unwrap();
        let by = |run: &str| -> Vec<_> {
            received.iter().filter(|(name, _)| name == run).map(|(_, handler)| *handler).collect()
        };
        let mut order = vec!["first", "second", "inheritable 1", "inheritable 2"];
        assert_eq!(by("parent"), [&order[..], &["parent's 1", "parent's 2"]].concat());
        order.extend(["request 1", "request 2", "child's 1", "child's 2"]);
        assert_eq!(by("child"), order);
    });
}

#[derive(Default)]
struct Counts(Mutex<Vec<EventKind>>);

impl CallbackHandler for Counts {
    fn on_event(&self, _: &tower_llm_callbacks::Run, event: &tower_llm_callbacks::Event) {
        self.0.lock().unwrap().push(event.kind());
    }
}

/// An instance that is inherited, set for the request and set by the layer is notified once. Its first
/// registration decides the delivery.
#[test]
fn one_instance_is_notified_once() {
    on_each_runtime(|| async {
        let counts = Arc::new(Counts::default());
        let inline = Callbacks::new().inline(Arc::clone(&counts));
        let blocking = Callbacks::new().blocking(Arc::clone(&counts)).blocking(Arc::clone(&counts));
        let layer = CallbackLayer::new(inline.clone())
            .inheritable_callbacks(&inline)
            .inheritable_callbacks(&blocking);
        let config = RunConfig::new().callbacks(&inline).callbacks(&blocking);
        config.scope(RunConfig::new().callbacks(&inline).scope(family(&layer, &layer))).await;
        use EventKind::*;
        assert_eq!(
            *counts.0.lock().unwrap(),
            [LlmStart, LlmStart, LlmNewToken, LlmNewToken, LlmEnd, LlmNewToken, LlmEnd],
        );
    });
    // The same recorder in every mode, and the same handler through two sets.
    for mode in MODES {
        on_each_runtime(move || async move {
            let recorder = Recorder::new();
            let handler = |mode: Mode| mode.handler(recorder.clone());
            let first = Callbacks::new().add(handler(mode));
            let all = MODES.iter().fold(first, |all, mode| all.add(handler(*mode)));
            assert_eq!(all.len(), 1);
            let again = Callbacks::new().add(handler(Mode::Inline));
            let layer = CallbackLayer::new(all.clone())
                .inheritable_callbacks(&again)
                .inheritable_callbacks(&all);
            family(&layer, &layer).await;
            assert!(all.flush(PATIENCE).await.is_complete());
            assert_promises(&recorder.events());
            assert_eq!(recorder.terminals().len(), 2);
        });
    }
}

/// A handler without an `Arc` is one instance in all copies of its set.
#[test]
fn copies_of_one_set_are_notified_once() {
    on_each_runtime(|| async {
        let count = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&count);
        let counts = on_llm_start(move |_, _| *counted.lock().unwrap() += 1);
        let set = Callbacks::new().add(Registration::inline(counts));
        let layer = CallbackLayer::new(set.clone().merge(&set)).inheritable_callbacks(&set);
        let mut model = layer.layer(ScriptedModel::new(Script::answer(["a"])));
        let stream = RunConfig::new().callbacks(&set).scope(support::call(&mut model));
        drop(stream.await.unwrap());
        assert_eq!(*count.lock().unwrap(), 1);
    });
}
