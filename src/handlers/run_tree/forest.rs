use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt, mem,
    sync::{Arc, Mutex},
};

use uuid::Uuid;

use super::{
    RunTree,
    growing::{DEPTH, Growing},
};
use crate::{
    event::Event,
    handler::{CallbackHandler, EventMask},
    run::Run,
    sync::lock,
};

/// A handler that puts runs together into trees: each with the runs that were made inside it.
///
/// Clones share their trees, and count as one handler. Attach it where all runs of a tree hear of it: at
/// request time, or as a layer's inheritable callbacks. It never waits, so that it may be added as inline. Do not
/// add it as background: there it may hear of a run before it hears of the parent, and makes it a tree of its own.
///
/// A tree is finished when all of its runs have ended. The last [`max_trees`](Self::max_trees) finished ones
/// are kept, and [`max_runs`](Self::max_runs) runs of those that are growing; beyond that the oldest tree is
/// given up as it is, and counts as finished. Of runs that are given the same
/// [id](crate::RunConfig::run_id) and run at the same time, only the first is in a tree.
///
/// ```
/// use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
/// use tower_llm_callbacks::{Callbacks, RunConfig, RunLayer, handlers::RunTrees};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
/// let search = service_fn(|word: &'static str| async move { Ok::<_, BoxError>(vec![word]) });
/// let search = RunLayer::retriever("search").layer(search);
/// let chain = service_fn(move |word| search.clone().oneshot(word));
/// let chain = RunLayer::chain("answer").layer(chain);
///
/// let trees = RunTrees::new();
/// let config = RunConfig::new().callbacks(&Callbacks::new().inline(trees.clone()));
/// config.scope(async { chain.oneshot("hi").await }).await?;
///
/// let tree = &trees.take()[0];
/// println!("{tree}");
/// assert_eq!(&*tree.children[0].name, "search");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RunTrees(Arc<Mutex<Forest>>);

struct Forest {
    max_trees: usize,
    max_runs: usize,
    /// By age, the oldest first.
    growing: BTreeMap<u64, Growing>,
    next: u64,
    /// In which growing tree a run is.
    runs: HashMap<Uuid, u64>,
    finished: VecDeque<RunTree>,
    dropped: u64,
}

impl Default for RunTrees {
    fn default() -> Self {
        Self::new()
    }
}

impl RunTrees {
    /// A handler that keeps 100 finished trees, and 10,000 runs of growing ones.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Forest {
            max_trees: 100,
            max_runs: 10_000,
            growing: BTreeMap::new(),
            next: 0,
            runs: HashMap::new(),
            finished: VecDeque::new(),
            dropped: 0,
        })))
    }

    /// Sets how many finished trees are kept, of all clones together.
    #[must_use]
    pub fn max_trees(self, trees: usize) -> Self {
        lock(&self.0).max_trees = trees;
        self
    }

    /// Sets of how many runs the growing trees may be together.
    #[must_use]
    pub fn max_runs(self, runs: usize) -> Self {
        lock(&self.0).max_runs = runs;
        self
    }

    /// The finished trees, in the order in which they were; they are not kept any longer.
    pub fn take(&self) -> Vec<RunTree> {
        mem::take(&mut lock(&self.0).finished).into()
    }

    /// How many finished trees were dropped since there was no room for them.
    pub fn dropped(&self) -> u64 {
        lock(&self.0).dropped
    }

    /// How many runs are in trees that are not finished.
    pub fn growing_runs(&self) -> usize {
        lock(&self.0).runs.len()
    }
}

impl Forest {
    fn start(&mut self, run: &Run, event: &Event) {
        // Of runs that have one id at a time only the first can be told from others: a tree that waits for
        // the second would wait for ever, and count for nothing.
        if self.runs.contains_key(&run.run_id()) {
            return;
        }
        let parent = run.parent_run_id().filter(|parent| {
            let tree = self.runs.get(parent).and_then(|tree| self.growing.get(tree));
            tree.and_then(|tree| tree.depth(*parent)).is_some_and(|depth| depth + 1 < DEPTH)
        });
        let tree = match parent {
            Some(parent) => self.runs[&parent],
            None => {
                self.next += 1;
                self.next
            }
        };
        self.growing.entry(tree).or_default().add(run, event.data().clone(), parent);
        self.runs.insert(run.run_id(), tree);
    }

    /// Gives the oldest trees up until there is room. Their runs' later events are passed over.
    fn make_room(&mut self) -> Vec<RunTree> {
        let mut dropped = Vec::new();
        while self.runs.len() > self.max_runs
            && let Some(oldest) = self.growing.keys().next().copied()
        {
            dropped.extend(self.finish(oldest));
        }
        dropped
    }

    fn event(&mut self, run: &Run, event: &Event) -> Vec<RunTree> {
        let Some(&tree) = self.runs.get(&run.run_id()) else { return Vec::new() };
        let Some(growing) = self.growing.get_mut(&tree) else { return Vec::new() };
        growing.event(run, event);
        if growing.is_complete() { self.finish(tree) } else { Vec::new() }
    }

    /// A tree is finished. Gives those for which there is no room.
    fn finish(&mut self, tree: u64) -> Vec<RunTree> {
        let Some(growing) = self.growing.remove(&tree) else { return Vec::new() };
        for run_id in growing.run_ids() {
            self.runs.remove(&run_id);
        }
        self.finished.extend(growing.finish());
        let mut dropped = Vec::new();
        while self.finished.len() > self.max_trees {
            dropped.extend(self.finished.pop_front());
            self.dropped += 1;
        }
        dropped
    }
}

impl CallbackHandler for RunTrees {
    fn interests(&self) -> EventMask {
        EventMask::ALL - EventMask::LLM_NEW_TOKEN - EventMask::TOKEN_TIMES
    }

    fn identity(&self) -> Option<usize> {
        Some(Arc::as_ptr(&self.0).cast::<()>() as usize)
    }

    fn on_event(&self, run: &Run, event: &Event) {
        let dropped = {
            let mut forest = lock(&self.0);
            if event.kind().is_start() {
                forest.start(run, event);
                forest.make_room()
            } else {
                forest.event(run, event)
            }
        };
        // Not under the lock: what a tree holds is anybody's.
        drop(dropped);
    }
}

impl fmt::Debug for RunTrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forest = lock(&self.0);
        f.debug_struct("RunTrees")
            .field("finished", &forest.finished.len())
            .field("growing", &forest.growing.len())
            .finish_non_exhaustive()
    }
}
