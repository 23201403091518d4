use std::{collections::BTreeMap, sync::Mutex};

use uuid::Uuid;

use crate::{run::Run, sync::lock};

/// Finds the outermost run of a model call, so that a handler counts the call once.
///
/// A typed layer over an HTTP layer makes two runs of one call, parent and child, with the same answer. A run is
/// outermost if this handler has received the start of no model call above it.
#[derive(Debug, Default)]
pub(crate) struct Outermost {
    /// The runs that have not ended, and whether each is outermost. Inner runs are kept for the runs inside
    /// them.
    open: Mutex<BTreeMap<Uuid, bool>>,
}

impl Outermost {
    /// The bound on open runs. A detached handler is not notified of a run's end.
    const MAX: usize = 100_000;

    /// Adds a model call's run. Returns whether it is the outermost.
    pub(crate) fn start(&self, run: &Run) -> bool {
        let mut open = lock(&self.open);
        let outermost = is_outermost_in(&open, run);
        open.insert(run.run_id(), outermost);
        // Ids begin with a timestamp: the first is the oldest.
        if open.len() > Self::MAX {
            open.pop_first();
        }
        outermost
    }

    /// Returns the number of open runs that are outermost.
    #[cfg(feature = "usage")]
    pub(crate) fn count(&self) -> usize {
        lock(&self.open).values().filter(|outermost| **outermost).count()
    }

    /// Removes a model call's run. Returns whether it was the outermost, as `start` did.
    pub(crate) fn end(&self, run: &Run) -> bool {
        let mut open = lock(&self.open);
        open.remove(&run.run_id()).unwrap_or_else(|| is_outermost_in(&open, run))
    }
}

fn is_outermost_in(open: &BTreeMap<Uuid, bool>, run: &Run) -> bool {
    !run.parent_ids().iter().any(|above| open.contains_key(above))
}
