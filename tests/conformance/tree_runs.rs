//! E: tools, trees, configurations, and runs that are cancelled.

use std::{
    collections::BTreeMap,
    future::{pending, ready},
    sync::{Arc, Mutex},
};

use futures::{StreamExt, future::join};
use serde_json::json;
use support::{Gate, MODES, Recorders, call, everywhere, on_each_runtime, read, until};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, ErrorKind, EventData, EventKind, EventMask, Run, RunConfig,
    RunConfigLayer, RunInput, RunLayer, RunType, ToolCall,
    batch::Batch,
    handlers::{EventStream, RunTrees},
    on_event,
    testing::{Checker, Recorder, Script, ScriptedModel, assert_promises},
};

use super::{boxed, of_run, prompt, settled};

/// A tool's error carries the id of the model's call that it answers, if known.
#[test]
fn case_47_the_error_of_a_tool_carries_its_calls_id() {
    everywhere(|recorders| async move {
        let fails = service_fn(|_: ToolCall| ready(Err::<(), _>(BoxError::from("no"))));
        let tool = RunLayer::tool("tool")
            .callbacks(&recorders.callbacks)
            .input(|call: &ToolCall| RunInput::from(call))
            .layer(fails);
        let tool = boxed(tool);
        let call = |id: &str| ToolCall::new(id, "look", r#"{"at":1}"#);
        for id in ["call_1", ""] {
            tool.clone().oneshot(call(id)).await.unwrap_err();
            settled(&recorders.callbacks).await;
        }
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            assert_promises(&recorder.events());
            let ends = recorder.terminals();
            let ids: Vec<_> = ends.iter().map(|end| end.error().unwrap().tool_call_id()).collect();
            assert_eq!(ids, [Some("call_1"), None], "{mode:?}");
            let records =
                ends.iter().map(|end| json!(end.error().unwrap())["tool_call_id"].clone());
            assert!(records.eq([json!("call_1"), json!(null)]), "{mode:?}");
            let EventData::RunStart(RunType::Tool, start) = &recorder.events()[0].data else {
                unreachable!()
            };
            assert_eq!(start.input, Some(json!({"at": 1})), "{mode:?}");
        }
    });
}

/// Invoked, streamed or in a batch, runs nest where they were made. Each path extends its parent's.
#[test]
fn case_48_runs_nest_however_they_are_called() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let model = ScriptedModel::new(Script::new().yields().respond().text("a").complete("stop"));
        let model = CallbackLayer::new(Callbacks::new()).layer(model);
        let work = async {
            let inner = model.clone();
            let invoked = service_fn(move |()| {
                let mut model = inner.clone();
                async move { Ok::<_, BoxError>(read(call(&mut model).await?).await) }
            });
            boxed(RunLayer::tool("invoked").layer(invoked)).oneshot(()).await?;
            let streamed = RunLayer::chain("streamed").streaming().layer(model.clone());
            read(streamed.oneshot(prompt("Hi")).await?).await;
            let batch = Batch::new().name("batch").run(&model, ["one", "two"].map(prompt)).await?;
            Ok::<_, BoxError>(batch.into_results()?.len())
        };
        let callbacks = Callbacks::new().inline(trees.clone());
        let root = RunLayer::chain("root").inheritable_callbacks(&callbacks);
        let mut events = EventStream::builder().of(async { root.run(work).await });
        let mut paths = BTreeMap::new();
        while let Some(event) = events.next().await {
            paths.insert(event.run().run_id(), event.parent_ids().to_vec());
        }
        assert_eq!(events.output().unwrap().unwrap(), 2);
        let tree = trees.take().remove(0);
        let names = |tree: &tower_llm_callbacks::handlers::RunTree| -> Vec<String> {
            tree.children.iter().map(|child| child.name.to_string()).collect()
        };
        assert_eq!(names(&tree), ["invoked", "streamed", "batch"]);
        let children: Vec<_> = tree.children.iter().map(names).collect();
        assert_eq!(children, [vec!["llm"], vec!["llm"], vec!["llm", "llm"]]);
        assert_eq!((tree.len(), paths.len()), (8, 8));
        let mut below = vec![&tree];
        while let Some(tree) = below.pop() {
            let own = [&paths[&tree.run_id][..], &[tree.run_id]].concat();
            for child in &tree.children {
                assert_eq!((&paths[&child.run_id], child.root_run_id), (&own, own[0]));
                below.push(child);
            }
        }
    });
}

/// Handlers are set for one context: a service called in it is observed, and at the same time not outside.
#[test]
fn case_49_observed_in_one_context_only() {
    everywhere(|recorders| async move {
        let observed = |_: ()| async {
            tokio::task::yield_now().await;
            Ok::<_, BoxError>(Run::current().is_some())
        };
        let chain = boxed(RunLayer::chain("chain").layer(service_fn(observed)));
        let inside = async { chain.clone().oneshot(()).await.unwrap() };
        let inside = RunConfig::new().callbacks(&recorders.callbacks).scope(inside);
        let outside = async { chain.clone().oneshot(()).await.unwrap() };
        assert_eq!(join(inside, outside).await, (true, false));
        settled(&recorders.callbacks).await;
        for (_, recorder) in &recorders.each {
            assert_eq!(of_run(&recorder.events(), "chain").len(), 2);
        }
    });
}

/// Configurations merge: handlers in order, the last value of metadata wins. The inputs are unchanged.
#[test]
fn case_50_configurations_merge() {
    on_each_runtime(|| async {
        let received: Arc<Mutex<Vec<String>>> = Arc::default();
        let set = |name: &'static str| {
            let received = Arc::clone(&received);
            Callbacks::new().inline(on_event(move |run, event| {
                if event.kind().is_start() {
                    received.lock().unwrap().push(format!("{name} {}", json!(run.metadata())));
                }
            }))
        };
        let bound = RunConfig::new().callbacks(set("bound")).metadata("a", 1).metadata("b", 1);
        let base = RunConfig::new().callbacks(set("one")).callbacks(set("two"));
        let base = base.metadata("b", 2).metadata("c", 2);
        let more = base.clone().callbacks(set("three")).metadata("c", 3);
        let chain = RunLayer::chain("chain").callbacks(set("own")).metadata("d", 4);
        let chain = chain.layer(service_fn(|()| ready(Ok::<_, BoxError>(()))));
        let chain = RunConfigLayer::new(bound).layer(chain);
        for (config, handlers, c) in [
            (more, &["bound", "one", "two", "three", "own"][..], 3),
            (base, &["bound", "one", "two", "own"], 2),
        ] {
            let mut chain = chain.clone();
            config.call(chain.ready().await.unwrap(), ()).await.unwrap();
            let metadata = json!({"a": 1, "b": 2, "c": c, "d": 4});
            let expected: Vec<_> =
                handlers.iter().map(|name| format!("{name} {metadata}")).collect();
            assert_eq!(std::mem::take(&mut *received.lock().unwrap()), expected);
        }
    });
}

/// The checker reports the end of a run whose start was not seen.
#[test]
fn case_51_an_end_without_a_start_is_reported() {
    on_each_runtime(|| async {
        let recorders = Recorders::new(&MODES[..1]);
        let (_, mut model) = recorders.model(Script::answer(["a"]));
        read(call(&mut model).await.unwrap()).await;
        let end = recorders.ended(None).await;
        let mut events = recorders.each[0].1.events();
        assert!(Checker::new().check(&events).is_empty());
        let unknown = Checker::new().check(std::slice::from_ref(&end));
        assert!(unknown.iter().any(|broken| broken.promise == "order"), "{unknown:?}");
        assert!(unknown.iter().all(|broken| broken.run_id == end.run_id));
        // Unless the handler did not ask for starts.
        let ends = Checker::new().event_mask(EventMask::LLM_END);
        assert!(ends.check(std::slice::from_ref(&end)).is_empty());
        events.push(end);
        let twice = Checker::new().check(&events);
        assert!(twice.iter().any(|broken| broken.promise == "one terminal event"), "{twice:?}");
    });
}

/// A cancelled tool has one error, cancelled, with the id of its call. Its caller is cancelled as well.
#[test]
fn case_52_a_cancelled_tool_has_one_error() {
    everywhere(|recorders| async move {
        let hangs = service_fn(|_: ToolCall| pending::<Result<(), BoxError>>());
        let tool = RunLayer::tool("tool")
            .callbacks(&recorders.callbacks)
            .input(|call: &ToolCall| RunInput::from(call))
            .layer(hangs);
        let tool = boxed(tool);
        let task = tokio::spawn(tool.oneshot(ToolCall::new("call_1", "look", "{}")));
        until(|| recorders.each.iter().all(|(_, recorder)| !recorder.events().is_empty())).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            let events = of_run(&recorder.events(), "tool");
            assert_eq!(
                recorder.kinds(),
                [EventKind::RunStart(RunType::Tool), EventKind::RunError(RunType::Tool)],
                "{mode:?}"
            );
            let error = events[1].error().unwrap();
            let observed = (error.kind(), error.tool_call_id());
            assert_eq!(observed, (ErrorKind::Cancelled, Some("call_1")), "{mode:?}");
        }
    });
}

/// A dropped group of calls, never polled or midway, has one error. One dropped at its end stays completed.
#[test]
fn case_53_a_dropped_group_of_calls_has_one_error() {
    async fn kinds(recorders: &Recorders) -> Vec<EventKind> {
        settled(&recorders.callbacks).await;
        recorders.faults.none();
        let all = recorders.each.iter().map(|(_, recorder): &(_, Recorder)| recorder.kinds());
        all.reduce(|one, other| {
            assert_eq!(one, other);
            one
        })
        .unwrap()
    }
    everywhere(|recorders| async move {
        let group = RunLayer::chain("group").callbacks(&recorders.callbacks);
        drop(group.run(pending::<Result<(), BoxError>>()));
        assert_eq!(
            kinds(&recorders).await,
            [EventKind::RunStart(RunType::Chain), EventKind::RunError(RunType::Chain)]
        );
    });
    everywhere(|recorders| async move {
        let group = RunLayer::chain("group").callbacks(&recorders.callbacks);
        let mut group = Box::pin(group.run(pending::<Result<(), BoxError>>()));
        assert!(futures::poll!(&mut group).is_pending());
        drop(group);
        assert_eq!(
            kinds(&recorders).await,
            [EventKind::RunStart(RunType::Chain), EventKind::RunError(RunType::Chain)]
        );
        let (_, recorder) = &recorders.each[0];
        assert_eq!(recorder.terminals()[0].error().unwrap().kind(), ErrorKind::Cancelled);
    });
    everywhere(|recorders| async move {
        let gate = Gate::new();
        let recorders = recorders.with(gate.at(EventKind::RunEnd(RunType::Chain)));
        let group = RunLayer::chain("group").callbacks(&recorders.callbacks);
        let task = tokio::spawn(group.run(ready(Ok::<_, BoxError>(()))));
        gate.entered().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        gate.open();
        assert_eq!(
            kinds(&recorders).await,
            [EventKind::RunStart(RunType::Chain), EventKind::RunEnd(RunType::Chain)]
        );
    });
}
