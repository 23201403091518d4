use std::{collections::HashMap, sync::Mutex};

use uuid::Uuid;

use crate::{run::Run, sync::lock};

/// Which model calls' runs count, where one call makes several: a typed layer over a layer over HTTP makes
/// a run and a child of it, and what both tell is the same answer.
///
/// The outermost is the one whose parent is no model call's run that this handler heard start.
#[derive(Debug, Default)]
pub(crate) struct Outermost {
    /// The runs that have not ended, and whether each is outermost. Inner ones are there for what is
    /// inside them.
    open: Mutex<HashMap<Uuid, bool>>,
}

impl Outermost {
    /// How many runs are remembered. Beyond that a run goes by its parent alone.
    const MAX: usize = 100_000;

    /// A model call's run starts. True if it is the outermost.
    pub(crate) fn start(&self, run: &Run) -> bool {
        let mut open = lock(&self.open);
        let outermost = has_no_parent_in(&open, run);
        if open.len() < Self::MAX {
            open.insert(run.run_id(), outermost);
        }
        outermost
    }

    /// A model call's run ends. True if it was the outermost: the same as its start was told.
    pub(crate) fn end(&self, run: &Run) -> bool {
        let mut open = lock(&self.open);
        open.remove(&run.run_id()).unwrap_or_else(|| has_no_parent_in(&open, run))
    }
}

fn has_no_parent_in(open: &HashMap<Uuid, bool>, run: &Run) -> bool {
    run.parent_run_id().is_none_or(|parent| !open.contains_key(&parent))
}
