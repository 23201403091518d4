use std::{collections::BTreeMap, sync::Mutex};

use uuid::Uuid;

use crate::{run::Run, sync::lock};

/// More open runs are not remembered.
const MAX_RUNS: usize = 10_000;

/// Which model calls are within another one that the same handler has heard of, such as that of a layer over
/// HTTP below a typed one: they are one call, and count once.
#[derive(Debug, Default)]
pub(super) struct Outermost(Mutex<BTreeMap<Uuid, bool>>);

impl Outermost {
    /// A model call starts. True if it is in no other that is open.
    pub(super) fn start(&self, run: &Run) -> bool {
        let mut open = lock(&self.0);
        let outermost = !run.parent_ids().iter().any(|above| open.contains_key(above));
        open.insert(run.run_id(), outermost);
        // Ids begin with the time: the first is the oldest.
        if open.len() > MAX_RUNS {
            open.pop_first();
        }
        outermost
    }

    /// It ends. True if it was in no other when it started.
    pub(super) fn end(&self, run: &Run) -> bool {
        lock(&self.0).remove(&run.run_id()).unwrap_or(false)
    }
}
