use std::time::Duration;

use crate::nats::StreamConfig;

/// How a [`Worker`](super::Worker) reads.
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
    /// The only worker of the group `workers`, on a stream.
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

    /// Sets the group's name. Each group is told of everything.
    ///
    /// # Panics
    ///
    /// If it is not made of letters, digits and dashes.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
        assert!(!self.group.is_empty() && self.group.chars().all(good), "no name of a group");
        self
    }

    /// Sets which of the group's workers it is, from 0, and how many there are: it reads the partitions whose number
    /// modulo `of` is its own. Another with the same number takes them over.
    ///
    /// # Panics
    ///
    /// If `worker` is not less than `of`.
    #[must_use]
    pub fn share(mut self, worker: u32, of: u32) -> Self {
        assert!(worker < of, "of {of} workers there is none with the number {worker}");
        (self.index, self.of) = (worker, of);
        self
    }

    /// Sets how long nothing may come of a run before it is [ended](crate::relay::Relay::end_silent); an hour is the
    /// default. Until then, what came after its start is told again when the worker is killed.
    #[must_use]
    pub fn run_timeout(mut self, timeout: Duration) -> Self {
        self.run_timeout = timeout;
        self
    }

    /// Sets how many events of a partition may wait for slow handlers before it reads no more; 1,024 is the default.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn read_ahead(mut self, events: usize) -> Self {
        assert!(events > 0, "at least 1 event must be read");
        self.ahead = events;
        self
    }

    /// Sets how often the server is told how far it is; every 100 ms is the default. What a worker that is killed
    /// has told since is told again.
    #[must_use]
    pub fn acknowledge_every(mut self, interval: Duration) -> Self {
        self.ack_every = interval.max(Duration::from_millis(1));
        self
    }

    /// The partitions that it reads.
    pub(super) fn partitions(&self) -> impl Iterator<Item = u32> + use<> {
        let (index, of) = (self.index, self.of);
        (0..self.stream.partitions).filter(move |partition| partition % of == index)
    }
}
