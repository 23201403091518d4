use std::{fmt, time::Duration};

use async_nats::ConnectOptions;
use uuid::Uuid;

/// With a shorter window the server would not recognize events that are published again after an outage.
pub(super) const MIN_DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// The configuration of a stream: servers, name and partitions. It must be the same for publishers and workers.
#[derive(Clone)]
pub struct StreamConfig {
    pub(super) servers: Vec<String>,
    pub(super) options: Option<ConnectOptions>,
    pub(super) timeout: Duration,
    pub(super) name: String,
    prefix: String,
    pub(super) partitions: u32,
    pub(super) max_bytes: Option<u64>,
    pub(super) max_age: Option<Duration>,
    pub(super) storage: Storage,
    pub(super) discard: Discard,
    pub(super) duplicate_window: Duration,
    pub(super) replicas: usize,
}

/// The storage of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Storage {
    /// On disk.
    #[default]
    File,
    /// In memory. Lost when the server restarts.
    Memory,
}

/// What the server discards when the stream is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Discard {
    /// The oldest events, even if they were not read: a worker that is far behind misses them.
    #[default]
    Old,
    /// New events. Publishers count them as [refused](super::PublishLosses::refused).
    New,
}

impl StreamConfig {
    /// Creates the configuration of a stream `llm-events` with 8 partitions and subjects `llm.events.…`.
    ///
    /// `servers` is an address such as `nats://127.0.0.1:4222`, or a comma-separated list of addresses, which are tried in
    /// turn.
    pub fn new(servers: &str) -> Self {
        Self {
            servers: servers.split(',').map(|server| server.trim().to_owned()).collect(),
            options: None,
            timeout: Duration::from_secs(5),
            name: "llm-events".to_owned(),
            prefix: "llm.events".to_owned(),
            partitions: 8,
            max_bytes: None,
            max_age: None,
            storage: Storage::File,
            discard: Discard::Old,
            duplicate_window: MIN_DUPLICATE_WINDOW,
            replicas: 1,
        }
    }

    /// Sets the options of a connection, such as credentials and certificates. Options about reconnecting are ignored:
    /// a broken connection is replaced by a new one.
    #[must_use]
    pub fn connect_options(mut self, options: ConnectOptions) -> Self {
        self.options = Some(options);
        self
    }

    /// Sets how long to wait for a response or an acknowledgement of the server; the default is 5 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the name of the stream; the default is `llm-events`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the prefix of subjects, which are `{prefix}.{partition}.{run_type}.{event}`; the default is `llm.events`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the number of partitions, which is the maximum number of workers that can share the stream; the default is 8.
    /// It cannot be changed for an existing stream.
    ///
    /// # Panics
    ///
    /// Panics if the number is 0.
    #[must_use]
    pub fn partitions(mut self, partitions: u32) -> Self {
        assert!(partitions > 0, "a stream needs at least 1 partition");
        self.partitions = partitions;
        self
    }

    /// Sets the maximum size of the stream, if it is created by this process; unlimited by default.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Sets how long events are kept, if the stream is created by this process; unlimited by default.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Sets where events are stored, if the stream is created by this process; the default is [`Storage::File`].
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// Sets what is discarded when the stream is full, if it is created by this process; the default is
    /// [`Discard::Old`].
    #[must_use]
    pub fn discard(mut self, discard: Discard) -> Self {
        self.discard = discard;
        self
    }

    /// Sets for how long the server recognizes an event that is published again; the default and the minimum is
    /// 2 minutes.
    #[must_use]
    pub fn duplicate_window(mut self, window: Duration) -> Self {
        self.duplicate_window = window.max(MIN_DUPLICATE_WINDOW);
        self
    }

    /// Sets the number of replicas in a cluster, if the stream is created by this process; the default is 1.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Returns a run's partition: the FNV-1a hash of its id, which is stable across versions of this crate.
    fn partition(&self, run_id: Uuid) -> u32 {
        let hash = run_id.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash % u64::from(self.partitions)) as u32
    }

    pub(super) fn subject(&self, run_id: Uuid, run_type: &str, event: &str) -> String {
        format!("{}.{}.{run_type}.{event}", self.prefix, self.partition(run_id))
    }

    /// Returns the subjects of a partition.
    pub(super) fn subjects(&self, partition: u32) -> String {
        format!("{}.{partition}.>", self.prefix)
    }

    pub(super) fn all_subjects(&self) -> Vec<String> {
        (0..self.partitions).map(|partition| self.subjects(partition)).collect()
    }
}

impl fmt::Debug for StreamConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamConfig")
            .field("name", &self.name)
            .field("prefix", &self.prefix)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}
