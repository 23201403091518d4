//! E: nested runs, and their events as a stream.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::StreamExt;
use support::{MODES, Model, Recorders, everywhere, on_each_runtime, read, request, until};
use tower::{BoxError, Layer};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, ErrorKind, EventKind, RunConfig, RunLayer, RunType,
    handlers::{EventStream, RunEvent, RunTrees},
    testing::{Script, ScriptedModel, assert_promises},
};
use uuid::Uuid;

use super::{of_run, settled};

fn model(script: Script) -> (ScriptedModel, Model) {
    let inner = ScriptedModel::new(script);
    (inner.clone(), CallbackLayer::new(Callbacks::new()).name("model").layer(inner))
}

async fn ask(model: Model) -> Result<(), BoxError> {
    read(model.oneshot(request()).await?).await.1.map_or(Ok(()), Err)
}

/// A chain with a tool in it, which calls a model.
async fn nested(model: Model) -> Result<(), BoxError> {
    let chain = RunLayer::chain("chain").tags(["outer"]);
    let tool = RunLayer::tool("tool").tags(["inner"]);
    chain.run(async { tool.run(async { ask(model).await }).await }).await
}

/// Parent ids are complete and root first. An id that the caller sets for a nested run is that run's own.
#[test]
fn case_42_parent_ids_are_root_first() {
    on_each_runtime(|| async {
        let (id, (_, model)) = (Uuid::now_v7(), model(Script::answer(["a"])));
        let given = async { RunConfig::new().run_id(id).scope(async { ask(model).await }).await };
        let chain = RunLayer::chain("chain");
        let tool = RunLayer::tool("tool");
        let work = async { chain.run(async { tool.run(given).await }).await };
        let mut events = EventStream::builder().of(work);
        let all: Vec<_> = events.by_ref().collect().await;
        events.output().unwrap().unwrap();
        let ids = |name: &str| {
            let mut of = all.iter().filter(|event| event.run().name() == name);
            let (first, rest) = (of.next().unwrap(), of);
            let parents = first.parent_ids().to_vec();
            rest.for_each(|event| assert_eq!(event.parent_ids(), parents));
            (first.run().run_id(), parents, first.run().root_run_id())
        };
        let (chain, tool, model) = (ids("chain"), ids("tool"), ids("model"));
        assert_eq!((chain.1, chain.2), (vec![], chain.0));
        assert_eq!((tool.1, tool.2), (vec![chain.0], chain.0));
        assert_eq!((model.0, model.1, model.2), (id, vec![chain.0, tool.0], chain.0));
    });
}

/// With two runs of one id in a tree, every handler is notified of each, no event stream hangs, and no tree
/// is kept.
#[test]
fn case_43_two_runs_may_have_one_id() {
    on_each_runtime(|| async {
        let (id, recorders, trees) = (Uuid::now_v7(), Recorders::new(&MODES), RunTrees::new());
        let given = |name: &'static str| RunConfig::new().run_id(id).run_name(name);
        let callbacks = recorders.callbacks.clone().inline(trees.clone());
        let ok = || async { Ok::<_, BoxError>(()) };
        // A child with its parent's id, and a root that starts while another root with its id runs.
        let work = async {
            let child = async { RunLayer::tool("-").run(ok()).await };
            let work = async { given("child").scope(child).await };
            let parent = async { RunLayer::chain("-").run(work).await };
            given("parent").scope(parent).await?;
            let stranger = || given("stranger").sync_scope(|| RunLayer::chain("-").run(ok()));
            let (one, two) = (stranger(), stranger());
            two.await?;
            one.await
        };
        // In an async block: a scope nests in the scope that is current where it is created.
        let config = RunConfig::new().callbacks(&callbacks);
        let work = async { config.scope(work).await };
        let mut events = EventStream::builder().of(work);
        let first = events.next().await.unwrap();
        assert_eq!(
            (first.run().name(), first.kind()),
            ("parent", EventKind::RunStart(RunType::Chain))
        );
        while events.next().await.is_some() {}
        events.output().unwrap().unwrap();
        settled(&callbacks).await;
        recorders.faults.none();
        for (mode, recorder) in &recorders.each {
            assert_eq!(recorder.run_ids(), [id], "{mode:?}");
            let of = |name| recorder.events().iter().filter(|event| event.name == name).count();
            assert_eq!((of("parent"), of("child"), of("stranger")), (2, 2, 4), "{mode:?}");
        }
        assert_eq!(trees.growing_runs(), 0);
        // A tree whose run took another's place is growing, but not listed there.
        assert!(format!("{trees:?}").contains("growing: 0"), "{trees:?}");
        assert_eq!(trees.take().len(), 2, "the first of each pair");
    });
}

/// Runs are selected by name, type and tag. Excluding takes precedence over including.
#[test]
fn case_44_include_and_exclude() {
    on_each_runtime(|| async {
        let all = EventStream::builder;
        use RunType::{Chain, Llm, Tool};
        let table: [(_, &[&str]); 10] = [
            (all(), &["chain", "tool", "model"]),
            (all().include_names(["tool", "model"]), &["tool", "model"]),
            (all().include_types([Chain]), &["chain"]),
            (all().include_tags(["inner"]), &["tool"]),
            (all().include_names(["model"]).include_tags(["outer"]), &["chain", "model"]),
            (all().exclude_names(["tool"]), &["chain", "model"]),
            (all().exclude_types([Chain, Llm]), &["tool"]),
            (all().exclude_tags(["outer"]), &["tool", "model"]),
            (all().include_names(["tool", "model"]).exclude_types([Tool]), &["model"]),
            (all().include_tags(["inner"]).exclude_names(["tool"]), &[]),
        ];
        for (builder, names) in table {
            let (_, model) = model(Script::answer(["a"]));
            let mut events = builder.of(nested(model));
            let starts = |event: &RunEvent| event.kind().is_start();
            let all: Vec<_> = events.by_ref().collect().await;
            let started = all.iter().filter(|event| starts(event));
            assert_eq!(started.map(|event| event.run().name()).collect::<Vec<_>>(), names);
            let ended = all.iter().filter(|event| event.kind().is_terminal()).count();
            assert_eq!(ended, names.len());
            events.output().unwrap().unwrap();
        }
    });
}

/// A step's error reaches the reader, and is in the stream as the error of the step and of all its parents.
#[test]
fn case_45_the_error_of_a_step_reaches_the_reader() {
    on_each_runtime(|| async {
        let (_, model) = model(Script::new().respond().text("a").fail("reset"));
        let mut events = EventStream::builder().of(nested(model));
        let mut errors = Vec::new();
        while let Some(event) = events.next().await {
            let kind = event.kind();
            if kind.is_terminal() {
                errors.push((event.run().name().to_owned(), kind));
            }
        }
        let expected = [
            ("model", EventKind::LlmError),
            ("tool", EventKind::RunError(RunType::Tool)),
            ("chain", EventKind::RunError(RunType::Chain)),
        ];
        assert_eq!(errors, expected.map(|(name, kind)| (name.to_owned(), kind)));
        let error = events.output().unwrap().unwrap_err();
        assert_eq!(error.downcast::<std::io::Error>().unwrap().to_string(), "reset");
    });
}

/// A reader that stops or is cancelled cancels the running step, and the next step never starts.
#[test]
fn case_46_a_reader_that_stops_cancels() {
    for reader in [false, true] {
        everywhere(move |recorders| async move {
            let (inner, model) = model(Script::new().respond().text("a").hang());
            let next = Arc::new(AtomicUsize::new(0));
            let steps = Arc::clone(&next);
            let chain = RunLayer::chain("chain").inheritable_callbacks(&recorders.callbacks);
            let work = async move {
                let steps = async {
                    ask(model).await?;
                    steps.fetch_add(1, Ordering::SeqCst);
                    RunLayer::tool("next").run(async { Ok::<_, BoxError>(()) }).await
                };
                chain.run(steps).await
            };
            let mut events = EventStream::builder().of(work);
            let is_token = |event: &RunEvent| event.kind() == EventKind::LlmNewToken;
            if reader {
                let task = tokio::spawn(async move { while events.next().await.is_some() {} });
                until(|| recorders.each.iter().all(|(_, recorder)| recorder.text() == "a")).await;
                task.abort();
                assert!(task.await.unwrap_err().is_cancelled());
            } else {
                while !is_token(&events.next().await.unwrap()) {}
                drop(events);
            }
            assert_eq!(inner.live(), 0);
            settled(&recorders.callbacks).await;
            recorders.faults.none();
            for (mode, recorder) in &recorders.each {
                assert_promises(&recorder.events());
                assert_eq!(recorder.run_ids().len(), 2, "{mode:?}");
                for name in ["chain", "model"] {
                    let end = of_run(&recorder.events(), name).pop().unwrap();
                    assert_eq!(end.error().unwrap().kind(), ErrorKind::Cancelled, "{mode:?}");
                }
            }
            assert_eq!(next.load(Ordering::SeqCst), 0);
        });
    }
}
