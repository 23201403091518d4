use std::time::Duration;

use crate::nats::StreamConfig;

/// The configuration of a [`Worker`](super::Worker).
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    pub(super) stream: StreamConfig,
    pub(super) group: String,
    pub(super) index: u32,
    pub(super) of: u32,
    pub(super) run_timeout: Duration,
    pub(super) ahead: usize,
    pub(super) ack_every: Duration,
}

impl WorkerConfig {
    /// Creates the default configuration: the only worker of a group `workers`.
    pub fn new(stream: StreamConfig) -> Self {
        Self {
            stream,
            group: "workers".to_owned(),
            index: 0,
            of: 1,
            run_timeout: Duration::from_secs(3600),
            ahead: 1024,
            ack_every: Duration::from_millis(100),
        }
    }

    /// Sets the name of the group; the default is `workers`. Each group receives all events.
    ///
    /// # Panics
    ///
    /// Panics if the name is empty or contains anything but ASCII letters, digits and dashes.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let valid = !self.group.is_empty() && self.group.chars().all(allowed);
        let group = &self.group;
        assert!(valid, "group name must be non-empty and contain only [A-Za-z0-9-], not `{group}`");
        self
    }

    /// Sets the index of this worker in the group, from 0, and the number of workers. The worker reads the partitions
    /// whose number modulo `of` is its index. Another worker with the same index takes its partitions over.
    ///
    /// # Panics
    ///
    /// Panics if `worker` is not less than `of`.
    #[must_use]
    pub fn share(mut self, worker: u32, of: u32) -> Self {
        assert!(worker < of, "worker index {worker} is out of range for {of} workers");
        (self.index, self.of) = (worker, of);
        self
    }

    /// Sets after how long without events a run is [ended](crate::relay::Relay::end_silent); the default is an hour. Until
    /// then, a restarted worker reads everything since the run's start again.
    #[must_use]
    pub fn run_timeout(mut self, timeout: Duration) -> Self {
        self.run_timeout = timeout;
        self
    }

    /// Sets how many events of a partition may wait for slow handlers before reading stops; the default is 1,024.
    ///
    /// # Panics
    ///
    /// Panics if the number is 0.
    #[must_use]
    pub fn read_ahead(mut self, events: usize) -> Self {
        assert!(events > 0, "a worker must read at least 1 event ahead");
        self.ahead = events;
        self
    }

    /// Sets the interval between acknowledgements; the default is 100 ms. When a worker is killed, what it delivered
    /// since the last one is delivered again.
    #[must_use]
    pub fn acknowledge_every(mut self, interval: Duration) -> Self {
        self.ack_every = interval.max(Duration::from_millis(1));
        self
    }

    /// Returns the partitions that the worker reads.
    pub(super) fn partitions(&self) -> impl Iterator<Item = u32> + use<> {
        let (index, of) = (self.index, self.of);
        (0..self.stream.of.number).filter(move |partition| partition % of == index)
    }
}
