use std::sync::{Arc, Mutex};

use super::{forest::Forest, trees::RunTrees};

/// Configures a [`RunTrees`] handler. Created by [`RunTrees::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct RunTreesBuilder {
    max_trees: usize,
    max_runs: usize,
}

impl RunTreesBuilder {
    pub(super) fn new() -> Self {
        Self { max_trees: 100, max_runs: 10_000 }
    }

    /// Sets the maximum number of finished trees; the default is 100. Beyond it the oldest tree is dropped.
    pub fn max_trees(mut self, trees: usize) -> Self {
        self.max_trees = trees;
        self
    }

    /// Sets the maximum number of runs in unfinished trees; the default is 10,000. Beyond it the oldest tree is
    /// finished as it is.
    pub fn max_runs(mut self, runs: usize) -> Self {
        self.max_runs = runs;
        self
    }

    /// Builds the handler.
    #[must_use]
    pub fn build(self) -> RunTrees {
        RunTrees(Arc::new(Mutex::new(Forest::new(self.max_trees, self.max_runs))))
    }
}
