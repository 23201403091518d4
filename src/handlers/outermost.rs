use std::{collections::BTreeMap, sync::Mutex};

use uuid::Uuid;

use crate::{run::Run, sync::lock};

/// Which model calls' runs count, where one call makes several: a typed layer over a layer over HTTP makes
/// a run and a child of it, and what both tell is the same answer.
///
/// The outermost is the one that is in no other model call's run which this handler has heard start.
#[derive(Debug, Default)]
pub(crate) struct Outermost {
    /// The runs that have not ended, and whether each is outermost. Inner ones are there for what is
    /// inside them.
    open: Mutex<BTreeMap<Uuid, bool>>,
}

impl Outermost {
    /// How many runs are remembered: those of which no end is heard must not add up for ever.
    const MAX: usize = 100_000;

    /// A model call's run starts. True if it is the outermost.
    pub(crate) fn start(&self, run: &Run) -> bool {
        let mut open = lock(&self.open);
        let outermost = is_outermost_in(&open, run);
        open.insert(run.run_id(), outermost);
        // Ids begin with the time: the first is the oldest.
        if open.len() > Self::MAX {
            open.pop_first();
        }
        outermost
    }

    /// A model call's run ends. True if it was the outermost: the same as its start was told.
    pub(crate) fn end(&self, run: &Run) -> bool {
        let mut open = lock(&self.open);
        open.remove(&run.run_id()).unwrap_or_else(|| is_outermost_in(&open, run))
    }
}

fn is_outermost_in(open: &BTreeMap<Uuid, bool>, run: &Run) -> bool {
    !run.parent_ids().iter().any(|above| open.contains_key(above))
}
