use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of a worker: see [`Worker::stats`](super::Worker::stats).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Events that were delivered to handlers.
    pub delivered: u64,
    /// Events that this worker had delivered before.
    pub duplicates: u64,
    /// Messages that are not event records.
    pub invalid: u64,
    /// Events of runs without a start: it was lost, or the run was finished before the worker started.
    pub without_start: u64,
    /// Runs that were ended because their events stopped coming.
    pub timed_out: u64,
    /// The number of connections to partitions that were made.
    pub connections: u64,
}

/// The counters shared by all partitions.
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

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
