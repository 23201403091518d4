use std::{
    fmt, mem,
    sync::{Arc, Mutex},
};

use super::{RunTree, RunTreesBuilder, forest::Forest};
use crate::{
    event::Event,
    handler::{CallbackHandler, EventMask, Identity},
    run::Run,
    sync::lock,
};

/// A handler that collects runs into trees: each run with the runs inside it.
///
/// Attach it where it receives all runs of a tree: at request time, or as a layer's inheritable callbacks. It never
/// blocks, so that it can be inline. Do not add it as a background handler: it might receive a run before the run's
/// parent, and would start a new tree with it.
///
/// A tree is finished when all of its runs have ended. The handler keeps a bounded number of
/// [finished trees](RunTreesBuilder::max_trees) and of [runs in unfinished trees](RunTreesBuilder::max_runs). If several
/// concurrent runs have the same [id](crate::RunConfig::run_id), only the first is in a tree.
///
/// Clones share their trees, and count as one handler.
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
pub struct RunTrees(pub(super) Arc<Mutex<Forest>>);

impl Default for RunTrees {
    fn default() -> Self {
        Self::new()
    }
}

impl RunTrees {
    /// Creates a handler with the default bounds.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder.
    pub fn builder() -> RunTreesBuilder {
        RunTreesBuilder::new()
    }

    /// Takes the finished trees, in the order in which they finished.
    pub fn take(&self) -> Vec<RunTree> {
        mem::take(&mut lock(&self.0).finished).into()
    }

    /// Returns how many finished trees were dropped because of the bound.
    pub fn dropped(&self) -> u64 {
        lock(&self.0).dropped
    }

    /// Returns the number of runs in unfinished trees.
    pub fn growing_runs(&self) -> usize {
        lock(&self.0).growing_runs()
    }
}

impl CallbackHandler for RunTrees {
    fn event_mask(&self) -> EventMask {
        EventMask::ALL - EventMask::LLM_NEW_TOKEN - EventMask::TOKEN_TIMES
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity::of(&self.0))
    }

    fn on_event(&self, run: &Run, event: &Event) {
        let dropped = {
            let mut forest = lock(&self.0);
            if event.kind().is_start() {
                forest.start(run, event)
            } else {
                forest.event(run, event)
            }
        };
        // Not under the lock: trees may hold user values.
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
