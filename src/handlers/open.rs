use std::{collections::BTreeMap, fmt, sync::Mutex};

use uuid::Uuid;

use crate::{run::Run, sync::lock};

/// So many locks: with tokens, as many streams as there are threads come here at the same time.
const SHARDS: usize = 16;

/// What a handler has of runs that have not ended, by their ids.
///
/// Bounded, since of a run whose handler was given up on no end is heard: beyond the bound the oldest is
/// given up.
pub(super) struct Open<T> {
    shards: [Mutex<BTreeMap<Uuid, T>>; SHARDS],
    /// Of each shard.
    max: usize,
}

impl<T> Open<T> {
    pub(super) fn new(max_runs: usize) -> Self {
        Self { shards: Default::default(), max: max_runs.div_ceil(SHARDS).max(1) }
    }

    /// Adds a run. Gives back what was given up for it.
    pub(super) fn insert(&self, run: &Run, state: T) -> Option<T> {
        let mut shard = lock(self.shard(run.run_id()));
        let same = shard.insert(run.run_id(), state);
        if same.is_some() || shard.len() <= self.max {
            return same;
        }
        // Ids begin with the time: the first is the oldest.
        shard.pop_first().map(|(_, state)| state)
    }

    pub(super) fn remove(&self, run: &Run) -> Option<T> {
        lock(self.shard(run.run_id())).remove(&run.run_id())
    }

    /// Looks at a run. No code of others may be called in the closure: it holds a lock.
    pub(super) fn with<R>(&self, run_id: Uuid, look: impl FnOnce(&mut T) -> R) -> Option<R> {
        lock(self.shard(run_id)).get_mut(&run_id).map(look)
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn shard(&self, run_id: Uuid) -> &Mutex<BTreeMap<Uuid, T>> {
        // The end of an id is random, its beginning is not.
        let [.., last] = run_id.into_bytes();
        &self.shards[usize::from(last) % SHARDS]
    }
}

impl<T> fmt::Debug for Open<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").field("runs", &self.len()).finish_non_exhaustive()
    }
}
