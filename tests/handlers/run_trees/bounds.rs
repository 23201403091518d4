//! Bounds on what is kept.

use futures::{executor, future::join_all};
use support::on_each_runtime;
use tokio::{sync::Semaphore, task::yield_now};
use tower::BoxError;
use tower_llm_callbacks::{
    EventData, InCurrentRun, Run, emit,
    handlers::{RunTree, RunTrees},
};

use super::{Done, chain, config, only, shape, shapes, tool};

#[test]
fn the_last_finished_trees_are_kept() {
    on_each_runtime(|| async {
        let trees = RunTrees::builder().max_trees(3).build();
        for n in 0..5 {
            config(&trees).scope(tool(&n.to_string())).await.unwrap();
        }
        assert_eq!(trees.dropped(), 2);
        assert_eq!(shapes(&trees), ["2", "3", "4"]);
        // Taking the trees frees their places.
        config(&trees).scope(tool("5")).await.unwrap();
        assert_eq!((shapes(&trees), trees.dropped()), (vec!["5".to_owned()], 2));

        let trees = RunTrees::default();
        for n in 0..102 {
            config(&trees).scope(tool(&n.to_string())).await.unwrap();
        }
        assert_eq!((trees.take().len(), trees.dropped()), (100, 2));

        let empty = RunTrees::builder().max_trees(0).build();
        config(&empty).scope(tool("a")).await.unwrap();
        assert_eq!((empty.take().len(), empty.dropped()), (0, 1));
    });
}

/// Runs a chain of `width` concurrent children. Returns the trees that were finished while all ran.
async fn wide(trees: &RunTrees, name: &str, width: usize) -> Vec<RunTree> {
    let gate = std::sync::Arc::new(Semaphore::new(0));
    let child = |n: usize| {
        let gate = gate.clone();
        chain(&n.to_string(), async move {
            let _passed = gate.acquire().await?;
            Ok(())
        })
    };
    let children: Vec<_> = (0..width).map(child).collect();
    let root = chain(name, async move {
        join_all(children).await;
        Ok::<_, BoxError>(())
    });
    let mut root = Box::pin(config(trees).scope(root));
    assert!(futures::poll!(&mut root).is_pending());
    let midway = trees.take();
    gate.add_permits(width);
    root.await.unwrap();
    midway
}

/// At the bound, the oldest growing tree is finished as it is. Later events of its runs are ignored.
#[test]
fn growing_trees_share_one_bound() {
    on_each_runtime(|| async {
        let trees = RunTrees::builder().max_runs(4).build();
        assert!(wide(&trees, "fits", 3).await.is_empty());
        assert_eq!(shapes(&trees), ["fits(0 1 2)"]);

        let midway = wide(&trees, "root", 6).await;
        assert_eq!(midway.iter().map(shape).collect::<Vec<_>>(), ["root(0 1 2 3)"]);
        assert!(midway[0].end.is_none() && midway[0].duration.is_none());
        assert!(midway[0].result().is_none() && midway[0].error().is_none());
        assert!(
            midway[0].to_string().starts_with("root (chain) not ended\n├─ 0 (chain) not ended")
        );
        assert!(serde_json::json!(midway[0])["ended_by"].is_null());
        // Later runs become trees of their own.
        assert_eq!(shapes(&trees), ["4", "5"]);
        assert_eq!(trees.growing_runs(), 0);

        // The oldest tree is finished early, not the one that grows.
        let mut old = Box::pin(config(&trees).scope(chain("old", async {
            yield_now().await;
            tool("late").await
        })));
        assert!(futures::poll!(&mut old).is_pending());
        let midway = wide(&trees, "new", 3).await;
        assert_eq!(midway.iter().map(shape).collect::<Vec<_>>(), ["old"]);
        assert_eq!(shapes(&trees), ["new(0 1 2)"]);
        old.await.unwrap();
        assert_eq!(shapes(&trees), ["late"]);
    });
}

#[test]
fn a_bound_of_zero_runs() {
    on_each_runtime(|| async {
        let trees = RunTrees::builder().max_runs(0).build();
        config(&trees).scope(chain("root", tool("a"))).await.unwrap();
        assert_eq!(shapes(&trees), ["root", "a"]);
        assert_eq!(trees.growing_runs(), 0);
    });
}

/// An endless root whose children end one after the other: they are kept up to the bound.
#[test]
fn an_endless_root_is_bounded() {
    let trees = RunTrees::builder().max_runs(100).max_trees(2_000).build();
    let root = chain("root", async {
        for n in 0..1_000 {
            tool(&n.to_string()).await?;
        }
        Ok(())
    });
    executor::block_on(config(&trees).scope(root)).unwrap();
    assert_eq!(trees.growing_runs(), 0);
    let finished = trees.take();
    // The root was finished at the run that exceeded the bound. Later runs have no known parent.
    assert_eq!((finished.len(), finished[0].len()), (1 + 900, 1 + 100));
    assert!(finished[0].end.is_none() && finished[0].children[99].end.is_none());
    assert!(finished[0].children[98].end.is_some());
    assert!(finished[1..].iter().all(|tree| tree.parent_run_id == Some(finished[0].run_id)));
}

/// At most 64 events of each run are kept.
#[test]
fn the_first_events_of_each_run_are_kept() {
    on_each_runtime(|| async {
        let trees = RunTrees::new();
        let root = chain("root", async {
            for n in 0..100 {
                emit("root", n)?;
            }
            chain("child", async {
                emit("child", 0)?;
                Ok(())
            })
            .await
        });
        config(&trees).scope(root).await.unwrap();
        let tree = only(&trees);
        let values: Vec<_> = tree
            .events
            .iter()
            .map(|event| match &event.data {
                EventData::Custom(event) => event.value.as_u64().unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(values, (0..64).collect::<Vec<_>>());
        assert_eq!(tree.children[0].events.len(), 1);
    });
}

fn nest(depth: usize) -> Done<()> {
    match depth {
        0 => tool("leaf"),
        _ => chain(&depth.to_string(), async move { nest(depth - 1).await }),
    }
}

fn depth(tree: &RunTree) -> usize {
    1 + tree.children.iter().map(depth).max().unwrap_or(0)
}

/// Trees can be walked recursively: deeper runs start another tree.
#[test]
fn trees_are_split_at_the_maximum_depth() {
    // Polling nested futures takes more stack than the trees do.
    let deep = std::thread::Builder::new().stack_size(64 << 20).spawn(|| {
        let trees = RunTrees::new();
        executor::block_on(config(&trees).scope(nest(254))).unwrap();
        assert_eq!(depth(&only(&trees)), 255);
        executor::block_on(config(&trees).scope(nest(255))).unwrap();
        assert_eq!(depth(&only(&trees)), 256);
        executor::block_on(config(&trees).scope(nest(600))).unwrap();
        trees.take()
    });
    let finished = deep.unwrap().join().unwrap();
    // The deepest tree ended first.
    let depths: Vec<_> = finished.iter().map(depth).collect();
    assert_eq!(depths, [601 - 512, 256, 256]);
    let [deepest, middle, root] = &finished[..] else { panic!() };
    assert_eq!((&*deepest.name, &*middle.name, &*root.name), ("88", "344", "600"));
    assert_eq!((deepest.root_run_id, middle.root_run_id), (root.run_id, root.run_id));
    assert!(deepest.parent_run_id.is_some() && root.parent_run_id.is_none());
    // On a thread with the default stack size.
    let used = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        for tree in &finished {
            let copy = tree.clone();
            assert_eq!(copy.to_string().lines().count(), tree.len());
            assert!(copy.find("nobody").is_none());
            assert_eq!(
                serde_json::to_string(&copy).unwrap().matches("ended_by").count(),
                tree.len()
            );
            drop(format!("{copy:?}"));
        }
    });
    used.unwrap().join().unwrap();
}

/// Runs that each start after their parents have ended are one tree each.
#[test]
fn an_endless_line_of_runs_is_bounded() {
    let trees = RunTrees::new();
    let mut parent: Option<Run> = None;
    for _ in 0..2_000 {
        let next = chain("next", async { Ok(Run::current().unwrap()) });
        let run = match &parent {
            None => executor::block_on(config(&trees).scope(next)),
            Some(parent) => executor::block_on(next.in_run(parent)),
        };
        parent = Some(run.unwrap());
    }
    assert_eq!((trees.take().len(), trees.dropped(), trees.growing_runs()), (100, 1_900, 0));
}

#[test]
fn both_bounds_of_one() {
    on_each_runtime(|| async {
        let trees = RunTrees::builder().max_trees(1).max_runs(1).build();
        for name in ["a", "b"] {
            config(&trees).scope(chain(name, tool("inner"))).await.unwrap();
        }
        assert_eq!((shapes(&trees), trees.dropped()), (vec!["b(inner)".to_owned()], 1));
        let text = format!("{trees:?}");
        assert_eq!(text, "RunTrees { finished: 0, growing: 0, .. }");
    });
}
