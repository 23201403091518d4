use std::{collections::BTreeMap, fmt, sync::Mutex};

use uuid::Uuid;

use crate::{run::Run, sync::lock};

/// Concurrent streams look up their runs on every token: one lock would be contended.
const SHARDS: usize = 16;

/// A handler's state for each run in flight, by the run's id.
///
/// Bounded, because a detached handler is not notified of the run's end: beyond the bound the oldest run is
/// evicted.
pub(crate) struct Open<T> {
    shards: [Mutex<BTreeMap<Uuid, T>>; SHARDS],
    /// The bound of each shard.
    max: usize,
}

impl<T> Open<T> {
    pub(crate) fn new(max_runs: usize) -> Self {
        Self { shards: Default::default(), max: max_runs.div_ceil(SHARDS).max(1) }
    }

    /// Adds a run. Returns the state that was replaced or evicted.
    pub(crate) fn insert(&self, run: &Run, state: T) -> Option<T> {
        let mut shard = lock(self.shard(run.run_id()));
        let same = shard.insert(run.run_id(), state);
        if same.is_some() || shard.len() <= self.max {
            return same;
        }
        // Ids begin with a timestamp: the first is the oldest.
        shard.pop_first().map(|(_, state)| state)
    }

    pub(crate) fn remove(&self, run: &Run) -> Option<T> {
        lock(self.shard(run.run_id())).remove(&run.run_id())
    }

    /// Calls a closure with a run's state, under a lock: it must not call user code.
    pub(crate) fn with<R>(&self, run_id: Uuid, look: impl FnOnce(&mut T) -> R) -> Option<R> {
        lock(self.shard(run_id)).get_mut(&run_id).map(look)
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn shard(&self, run_id: Uuid) -> &Mutex<BTreeMap<Uuid, T>> {
        // The last byte of an id is random, the first ones are a timestamp.
        let [.., last] = run_id.into_bytes();
        &self.shards[usize::from(last) % SHARDS]
    }
}

impl<T> fmt::Debug for Open<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").field("runs", &self.len()).finish_non_exhaustive()
    }
}
