//! Trees of runs that are dropped, race, or run on several threads.

use std::sync::Arc;

use futures::future::{join_all, select_all};
use support::{Flavor, PATIENCE, on_each_runtime, until};
use tokio::{sync::Semaphore, task::yield_now, time::timeout};
use tower::BoxError;
use tower_llm_callbacks::{InCurrentRun, handlers::RunTrees, testing::Script};

use super::{ask, chain, config, only, shape, shapes, tool};

/// Cancelled runs are ended in the tree, wherever they were dropped.
#[test]
fn cancelled_runs_have_ended() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        for polls in 0..12 {
            let hangs = || ask("hangs", Script::new().yields().respond().text("a").hang());
            let root = chain("root", async move {
                tool("first").await?;
                join_all([hangs(), hangs()]).await;
                Ok(())
            });
            let mut root = Box::pin(config(&trees).scope(root));
            for _ in 0..polls {
                assert!(futures::poll!(&mut root).is_pending());
                yield_now().await;
            }
            drop(root);
            let shapes = shapes(&trees);
            let expected = if polls == 0 { vec![] } else { vec!["root(first hangs hangs)"] };
            assert_eq!(shapes, expected, "after {polls} polls");
            assert_eq!(trees.growing_runs(), 0);
        }
    });
}

/// Concurrent trees on several threads: each has only its own runs.
#[test]
fn concurrent_trees_do_not_mix() {
    let runtime = Flavor::Multi.runtime();
    let all = runtime.spawn(async {
        let trees = RunTrees::new();
        let turns = Arc::new(Semaphore::new(0));
        let root = |n: usize| {
            let children =
                (0..n % 5).map(move |child| ask(&format!("{n}.{child}"), Script::answer(["a"])));
            let turns = turns.clone();
            let root = chain(&n.to_string(), async move {
                let _turn = turns.acquire().await?;
                let children = children.map(|child| tokio::spawn(child.in_current_run()));
                join_all(children.collect::<Vec<_>>()).await;
                Ok::<_, BoxError>(())
            });
            tokio::spawn(config(&trees).scope(root))
        };
        let all: Vec<_> = (0..60).map(root).collect();
        until(|| trees.growing_runs() == 60).await;
        turns.add_permits(60);
        join_all(all).await;
        let finished = trees.take();
        assert_eq!(finished.len(), 60);
        for tree in finished {
            let n: usize = tree.name.parse().unwrap();
            let mut names: Vec<_> =
                tree.children.iter().map(|child| child.name.to_string()).collect();
            names.sort();
            assert_eq!(names, (0..n % 5).map(|child| format!("{n}.{child}")).collect::<Vec<_>>());
        }
    });
    runtime.block_on(async { timeout(PATIENCE, all).await.expect("the test hangs").unwrap() });
}

/// The first child to end cancels the others.
#[test]
fn the_losers_of_a_race_are_cancelled() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let race = chain("race", async {
            let slow = |name: &str| ask(name, Script::new().respond().text("a").hang());
            let runners = vec![slow("a"), slow("b"), ask("c", Script::answer(["won"]))];
            let (winner, ..) = select_all(runners).await;
            winner
        });
        assert_eq!(config(&trees).scope(race).await.unwrap(), "won");
        let tree = only(&trees);
        assert_eq!(shape(&tree), "race(a b c)");
        let ends = tree.children.iter().map(|run| run.end.as_ref().unwrap().kind().as_str());
        let ends = ends.collect::<Vec<_>>();
        assert_eq!(ends, ["llm_error", "llm_error", "llm_end"]);
    });
}
