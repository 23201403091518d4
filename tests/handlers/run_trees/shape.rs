//! Which runs are in which tree, and in which order.

use futures::future::join_all;
use support::{PATIENCE, on_each_runtime, request};
use tokio::{sync::oneshot, task::yield_now};
use tower::{Layer, Service};
use tower_llm_callbacks::{
    CallbackLayer, Callbacks, InCurrentRun, Registration, Run, RunConfig, RunLayer,
    handlers::RunTrees,
    on_event,
    testing::{Script, ScriptedModel},
};

use super::{Done, ask, chain, config, only, shape, shapes, tool};

/// A chain of models and tools, each a run of its own.
fn agent() -> Done<()> {
    chain("agent", async {
        ask("plan", Script::answer(["a"])).await?;
        chain("act", async {
            tool("look").await?;
            ask("sum", Script::answer(["b"])).await
        })
        .await?;
        tool("store").await
    })
}

const AGENT: &str = "agent(plan act(look sum) store)";

#[test]
fn each_run_is_below_its_parent() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        config(&trees).scope(agent()).await.unwrap();
        let tree = only(&trees);
        assert_eq!(shape(&tree), AGENT);
        assert_eq!((tree.len(), tree.is_empty()), (6, false));
        assert_eq!(tree.find("sum").unwrap().run_type.as_str(), "llm");
        assert_eq!(tree.find("agent").unwrap().run_id, tree.run_id);
        assert!(tree.find("nobody").is_none());
        assert_eq!((tree.parent_run_id, tree.root_run_id), (None, tree.run_id));
        let act = &tree.children[1];
        assert_eq!(act.parent_run_id, Some(tree.run_id));
        assert!(act.children.iter().all(|run| run.parent_run_id == Some(act.run_id)));
        assert!(act.children.iter().all(|run| run.root_run_id == tree.run_id));
        // Children's times lie within those of their parents.
        assert!(tree.start_time <= act.start_time && act.duration <= tree.duration);
        assert!(trees.take().is_empty());
    });
}

/// The shape is the same in every delivery mode in which calls wait for the handler.
#[test]
fn the_shape_is_the_same_in_every_awaited_mode() {
    on_each_runtime(|| async {
        let ways: [fn(RunTrees) -> Registration; 4] = [
            Registration::inline,
            Registration::blocking,
            |trees| Registration::blocking(trees).lockstep(),
            |trees| Registration::blocking(Box::new(trees)).threads(1),
        ];
        for way in ways {
            let trees = RunTrees::new();
            let callbacks = Callbacks::new().add(way(trees.clone()));
            for _ in 0..10 {
                RunConfig::new().callbacks(&callbacks).scope(agent()).await.unwrap();
            }
            assert!(callbacks.flush(PATIENCE).await.is_complete());
            assert_eq!(shapes(&trees), [AGENT; 10]);
        }
    });
}

/// Clones are one handler, by whatever route they are added.
#[test]
fn clones_share_their_trees() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let twice = Callbacks::new().inline(trees.clone()).blocking(trees.clone());
        assert_eq!(twice.len(), 1);
        let config = config(&trees).callbacks(&twice);
        config.scope(agent()).await.unwrap();
        assert_eq!(only(&trees.clone()).len(), 6);
    });
}

/// Trees are in the order of their ends, children in the order of their starts.
#[test]
fn the_order_of_trees_and_of_children() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let waits = |name, gate: oneshot::Receiver<()>| {
            chain(name, async move {
                gate.await?;
                Ok(())
            })
        };
        let (first, gate) = oneshot::channel();
        let (second, other) = oneshot::channel();
        let lets_go = async {
            yield_now().await;
            second.send(()).unwrap();
            yield_now().await;
            first.send(()).unwrap();
        };
        let roots = async {
            let roots = [waits("a", gate), waits("b", other), tool("c")];
            tokio::join!(join_all(roots), lets_go)
        };
        config(&trees).scope(roots).await;
        assert_eq!(shapes(&trees), ["c", "b", "a"]);

        let (first, gate) = oneshot::channel();
        let (second, other) = oneshot::channel();
        let parent = chain("parent", async move {
            let lets_go = async {
                second.send(()).unwrap();
                yield_now().await;
                first.send(()).unwrap();
            };
            let children = [waits("a", gate), waits("b", other), tool("c")];
            tokio::join!(join_all(children), lets_go);
            Ok(())
        });
        config(&trees).scope(parent).await.unwrap();
        assert_eq!(shapes(&trees), ["parent(a b c)"]);
    });
}

/// Local callbacks receive only the layer's own runs. Inheritable ones also receive the runs inside.
#[test]
fn unobserved_runs_are_left_out() {
    on_each_runtime(|| async {
        let (own, inherited) = (RunTrees::new(), RunTrees::new());
        let layer = RunLayer::chain("layer")
            .callbacks(Callbacks::new().inline(own.clone()))
            .inheritable_callbacks(Callbacks::new().inline(inherited.clone()));
        super::run(layer, agent()).await.unwrap();
        assert_eq!(shapes(&own), ["layer"]);
        assert_eq!(shapes(&inherited), [format!("layer({AGENT})")]);

        // A tree can be a part of a trace.
        let inside = RunTrees::new();
        let config = config(&inside);
        let around =
            super::run(RunLayer::chain("around"), async move { config.scope(agent()).await });
        let (around, outer) = (around, RunTrees::new());
        super::config(&outer).scope(around).await.unwrap();
        let (part, whole) = (only(&inside), only(&outer));
        assert_eq!((part.parent_run_id, part.root_run_id), (Some(whole.run_id), whole.run_id));
        assert_eq!(whole.children[0].run_id, part.run_id);
    });
}

/// A run in between that only another handler observes splits the tree.
#[test]
fn a_run_only_others_observe_splits_the_tree() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let model = |name| {
            let callbacks = Callbacks::new().inline(trees.clone());
            CallbackLayer::new(callbacks).name(name)
        };
        // The chain in between notifies another handler. It is a run, but in no tree.
        let others = Callbacks::new().inline(on_event(|_, _| ()));
        let mut inner = model("inner").layer(ScriptedModel::new(Script::answer(["a"])));
        let between = RunLayer::chain("between").callbacks(&others);
        let between = super::run(between, async move {
            let answer = inner.call(request()).await?;
            tower_llm_callbacks::chat::collect(answer).await
        });
        let outer = RunLayer::chain("outer").callbacks(Callbacks::new().inline(trees.clone()));
        super::run(outer, between).await.unwrap();
        let finished = trees.take();
        assert_eq!(finished.iter().map(shape).collect::<Vec<_>>(), ["inner", "outer"]);
        assert_ne!(finished[0].parent_run_id, Some(finished[1].run_id));
        assert_eq!(finished[0].root_run_id, finished[1].run_id);
    });
}

/// The tree waits for a spawned run that outlives its parent.
#[test]
fn a_tree_waits_for_spawned_children() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let (late, gate) = oneshot::channel::<()>();
        let (begins, begun) = oneshot::channel();
        let root = chain("root", async {
            let child = chain("child", async {
                begins.send(()).unwrap();
                gate.await?;
                tool("late").await
            });
            let task = tokio::spawn(child.in_current_run());
            begun.await?;
            Ok(task)
        });
        let task = config(&trees).scope(root).await.unwrap();
        assert!(trees.take().is_empty(), "the child has not ended");
        assert_eq!(trees.growing_runs(), 2);
        late.send(()).unwrap();
        task.await.unwrap().unwrap();
        let tree = only(&trees);
        assert_eq!(shape(&tree), "root(child(late))");
    });
}

/// A run that starts after its tree is finished is a tree of its own, with its parent's id.
#[test]
fn late_children_are_trees_of_their_own() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let root = chain("root", async { Ok(Run::current().unwrap()) });
        let root = config(&trees).scope(root).await.unwrap();
        tool("late").in_run(&root).await.unwrap();
        let finished = trees.take();
        assert_eq!(finished.iter().map(shape).collect::<Vec<_>>(), ["root", "late"]);
        assert_eq!(finished[1].parent_run_id, Some(root.run_id()));
        assert_eq!(finished[1].root_run_id, root.run_id());
    });
}
