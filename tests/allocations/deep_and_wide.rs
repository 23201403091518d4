//! A tree of runs, 50 deep and 1,000 wide: parents are right, each run has one terminal, children end before
//! their parents, and nothing is left afterwards.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use allocation_counter::measure;
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::runtime::{Builder, Runtime};
use tower::{BoxError, Layer};
use tower_llm_callbacks::{
    CallbackHandler, CallbackLayer, Callbacks, Event, EventMask, Run, RunConfig, RunLayer, chat,
    chat::ChatRequest,
    handlers::RunTrees,
    on_event_async,
    testing::{Recorded, Recorder, Script, ScriptedModel, assert_promises},
};

const DEPTH: usize = 50;
const WIDTH: usize = 1_000;

/// Nested chains with one model call per level, and `width` concurrent calls at the bottom.
fn nested(depth: usize, width: usize) -> BoxFuture<'static, Result<(), BoxError>> {
    Box::pin(async move {
        let mut calls: FuturesUnordered<_> =
            (0..if depth == 0 { width } else { 1 }).map(|_| ask()).collect();
        while let Some(call) = calls.next().await {
            call?;
        }
        if depth > 0 {
            RunLayer::chain("chain").run(nested(depth - 1, width)).await?;
        }
        Ok(())
    })
}

async fn ask() -> Result<(), BoxError> {
    let model = ScriptedModel::new(Script::answer(["a"]).yields());
    let model = CallbackLayer::new(Callbacks::new()).layer(model);
    chat::collect(model.oneshot(ChatRequest::new("any").user("Hi")).await?).await?;
    Ok(())
}

fn check(events: &[Recorded]) {
    assert_promises(events);
    let mut starts: HashMap<_, &Recorded> = HashMap::new();
    let mut ended: HashMap<_, usize> = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        if event.kind().is_start() {
            starts.insert(event.run_id, event);
        } else if event.kind().is_terminal() {
            assert!(ended.insert(event.run_id, at).is_none(), "two terminals");
        }
    }
    // The chains, with a model call in each, and all calls at the bottom.
    assert_eq!(starts.len(), DEPTH + (DEPTH - 1) + WIDTH);
    assert_eq!(ended.len(), starts.len());
    let mut depths: HashMap<usize, usize> = HashMap::new();
    for (id, start) in &starts {
        let (mut depth, mut root) = (0, *id);
        while let Some(parent) = starts[&root].parent_run_id {
            assert!(ended[id] < ended[&parent], "a parent ends before its child");
            (depth, root) = (depth + 1, parent);
        }
        assert_eq!(start.root_run_id, root);
        *depths.entry(depth).or_default() += 1;
    }
    // The root; a chain and a call at each depth below it; the calls at the bottom.
    assert_eq!(depths[&0], 1);
    assert!((1..DEPTH).all(|depth| depths[&depth] == 2), "{depths:?}");
    assert_eq!(depths[&DEPTH], WIDTH);
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn parents_are_right_and_each_run_has_one_terminal() {
    let multi = || Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for runtime in [current_thread(), multi()] {
        let (inline, blocking, async_) = (Recorder::new(), Recorder::new(), Recorder::new());
        let callbacks = Callbacks::new()
            .inline(inline.clone())
            .blocking(blocking.clone())
            .async_handler(async_.clone());
        let config = RunConfig::new().callbacks(&callbacks);
        let root = async { RunLayer::chain("root").run(nested(DEPTH - 1, WIDTH)).await };
        // In a task: the test's own thread has a smaller stack.
        let task = async { tokio::spawn(config.scope(root)).await };
        runtime.block_on(task).unwrap().unwrap();
        for recorder in [&inline, &blocking, &async_] {
            check(&recorder.events());
        }
    }
}

/// A handler without state for a run.
#[derive(Default)]
struct Ends(AtomicUsize);

impl CallbackHandler for Ends {
    fn event_mask(&self) -> EventMask {
        EventMask::ALL - EventMask::LLM_NEW_TOKEN
    }

    fn on_event(&self, _run: &Run, event: &Event) {
        if event.kind().is_terminal() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A first round fills pools and tables. After that a round leaves nothing behind, completed or dropped.
#[test]
fn a_finished_tree_leaves_nothing_allocated() {
    let runtime = current_thread();
    let ends = Arc::new(Ends::default());
    // All work runs on this thread, whose allocations are counted.
    let async_handler = on_event_async(|_, _| tokio::task::yield_now());
    let callbacks = Callbacks::new().inline(Arc::clone(&ends)).async_handler(async_handler);
    let trees = RunTrees::builder().max_trees(1).build();
    let callbacks = callbacks.inline(trees.clone());
    let round = |complete: bool| {
        runtime.block_on(async {
            let config = RunConfig::new().callbacks(&callbacks);
            let root = async { RunLayer::chain("root").run(nested(10, 200)).await };
            let mut root = Box::pin(config.scope(root));
            if complete {
                root.await.unwrap();
            } else {
                for _ in 0..20 {
                    if futures::poll!(&mut root).is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
        });
        let flushed = runtime.block_on(callbacks.flush(std::time::Duration::from_secs(20)));
        assert!(flushed.is_complete());
    };
    for _ in 0..3 {
        round(true);
        round(false);
    }
    for complete in [true, false] {
        // The last tree is kept until the next one ends.
        round(complete);
        let left = measure(|| (0..5).for_each(|_| round(complete))).bytes_current;
        assert_eq!(left, 0, "bytes are left");
    }
    assert!(ends.0.load(Ordering::Relaxed) > 0);
    assert_eq!(trees.growing_runs(), 0);
}
