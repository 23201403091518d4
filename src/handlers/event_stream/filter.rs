use std::sync::Arc;

use crate::run::{Run, RunType};

/// Selects the runs of a stream. Exclusion takes precedence over inclusion.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub(super) include: Selector,
    pub(super) exclude: Selector,
}

/// Matches runs by name, type or tag.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    pub(super) names: Vec<Arc<str>>,
    pub(super) types: Vec<RunType>,
    pub(super) tags: Vec<Arc<str>>,
}

impl Filter {
    pub(super) fn matches(&self, run: &Run) -> bool {
        (self.include.is_empty() || self.include.matches(run)) && !self.exclude.matches(run)
    }
}

impl Selector {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.types.is_empty() && self.tags.is_empty()
    }

    fn matches(&self, run: &Run) -> bool {
        self.names.iter().any(|name| **name == *run.name())
            || self.types.contains(&run.run_type())
            || self.tags.iter().any(|tag| run.tags().contains(tag))
    }
}
