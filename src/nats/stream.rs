use std::{fmt, time::Duration};

use async_nats::ConnectOptions;
use uuid::Uuid;

/// Shorter, and what is published again after the server was away is no duplicate to it.
pub(super) const LEAST_DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// Where the events go: the server, the stream and its partitions. Publishers and workers have to agree on it.
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

/// Where the server keeps a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Storage {
    /// On the disk.
    #[default]
    File,
    /// In memory: gone when the server is.
    Memory,
}

/// What the server does when the stream is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Discard {
    /// It forgets the oldest events, whether or not they were read: a worker that is far behind misses them.
    #[default]
    Old,
    /// It takes no new ones: publishers count them as [refused](super::PublishLosses::refused).
    New,
}

impl StreamConfig {
    /// A stream `llm-events` of 8 partitions with subjects `llm.events.…`, at a server, such as
    /// `nats://127.0.0.1:4222`. Several, separated by commas, are tried in turn.
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
            duplicate_window: LEAST_DUPLICATE_WINDOW,
            replicas: 1,
        }
    }

    /// Sets how to connect: credentials, certificates and the like. What it says of connecting again does not
    /// count: a broken connection is replaced by a new one here.
    #[must_use]
    pub fn connect_options(mut self, options: ConnectOptions) -> Self {
        self.options = Some(options);
        self
    }

    /// Sets how long the server may take for an answer or an acknowledgement; 5 s is the default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the stream's name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets what subjects begin with. They are `{prefix}.{partition}.{run_type}.{event}`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets in how many partitions the runs are: how many workers can share them. It cannot be changed later.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn partitions(mut self, partitions: u32) -> Self {
        assert!(partitions > 0, "a stream needs at least 1 partition");
        self.partitions = partitions;
        self
    }

    /// Sets how large the stream may become, where it is created here.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Sets how long events are kept, where it is created here.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Sets where they are kept, where it is created here.
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// Sets what happens when the stream is full, where it is created here.
    #[must_use]
    pub fn discard(mut self, discard: Discard) -> Self {
        self.discard = discard;
        self
    }

    /// Sets for how long the server knows an event that is published again; 2 minutes is the default, and the least.
    #[must_use]
    pub fn duplicate_window(mut self, window: Duration) -> Self {
        self.duplicate_window = window.max(LEAST_DUPLICATE_WINDOW);
        self
    }

    /// Sets on how many servers of a cluster it is, where it is created here.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// A run's partition: FNV-1a of its id, which stays what it is from version to version.
    fn partition(&self, run_id: Uuid) -> u32 {
        let hash = run_id.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash % u64::from(self.partitions)) as u32
    }

    pub(super) fn subject(&self, run_id: Uuid, run_type: &str, event: &str) -> String {
        format!("{}.{}.{run_type}.{event}", self.prefix, self.partition(run_id))
    }

    /// The subjects of a partition.
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
