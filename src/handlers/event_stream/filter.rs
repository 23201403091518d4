use std::sync::Arc;

use crate::run::{Run, RunType};

/// Of which runs events are given. What is excluded counts before what is included.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub(super) include: Which,
    pub(super) exclude: Which,
}

/// Runs by name, type or tag.
#[derive(Debug, Clone, Default)]
pub(super) struct Which {
    pub(super) names: Vec<Arc<str>>,
    pub(super) types: Vec<RunType>,
    pub(super) tags: Vec<Arc<str>>,
}

impl Filter {
    pub(super) fn lets_through(&self, run: &Run) -> bool {
        (self.include.is_empty() || self.include.has(run)) && !self.exclude.has(run)
    }
}

impl Which {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.types.is_empty() && self.tags.is_empty()
    }

    fn has(&self, run: &Run) -> bool {
        self.names.iter().any(|name| **name == *run.name())
            || self.types.contains(&run.run_type())
            || self.tags.iter().any(|tag| run.tags().contains(tag))
    }
}
