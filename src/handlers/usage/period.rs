use std::collections::HashMap;

use super::{
    counts::{Addition, UsageCounts},
    group::Values,
};

/// What was counted in a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Period {
    /// Each run once.
    pub(super) total: UsageCounts,
    pub(super) groups: HashMap<Values, UsageCounts>,
    /// What there was no room for.
    pub(super) other: UsageCounts,
}

impl Period {
    /// Adds a run to each of its groups.
    pub(super) fn add(&mut self, run: &Addition, groups: &[Values], more: bool, max: usize) {
        self.total.add(run);
        // What does not fit is counted there once.
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
