use std::sync::atomic::{AtomicU64, Ordering};

/// What a worker has read: of [`Worker::stats`](super::Worker::stats).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Events that its handlers were told of.
    pub delivered: u64,
    /// Events that they had been told of by this worker before.
    pub duplicates: u64,
    /// Messages that are no event records.
    pub invalid: u64,
    /// Events of runs whose start did not come: it was lost, or the run had been told to its end before the worker
    /// was started.
    pub without_start: u64,
    /// Runs that were ended since nothing came of them any more.
    pub timed_out: u64,
    /// How often a partition was opened on a new connection.
    pub connections: u64,
}

/// The same, counted by all partitions.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) delivered: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) invalid: AtomicU64,
    pub(super) without_start: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) connections: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> WorkerStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WorkerStats {
            delivered: read(&self.delivered),
            duplicates: read(&self.duplicates),
            invalid: read(&self.invalid),
            without_start: read(&self.without_start),
            timed_out: read(&self.timed_out),
            connections: read(&self.connections),
        }
    }
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
