use std::collections::HashMap;

use super::{
    counts::{RunCounts, UsageCounts},
    group::Values,
};

/// The counts of a period.
#[derive(Debug, Clone, Default)]
pub(super) struct Period {
    /// All runs, each once.
    pub(super) total: UsageCounts,
    pub(super) groups: HashMap<Values, UsageCounts>,
    /// Runs with groups beyond the maximum.
    pub(super) other: UsageCounts,
}

impl Period {
    /// Adds a run to each of its groups.
    pub(super) fn add(&mut self, run: &RunCounts, groups: &[Values], more: bool, max: usize) {
        self.total.add(run);
        // A run is counted once in `other`, however many of its groups are beyond the maximum.
        let mut other = more;
        for group in groups {
            if let Some(counts) = self.groups.get_mut(group) {
                counts.add(run);
            } else if self.groups.len() < max {
                self.groups.entry(group.clone()).or_default().add(run);
            } else {
                other = true;
            }
        }
        if other {
            self.other.add(run);
        }
    }
}
