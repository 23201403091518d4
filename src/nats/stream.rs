use std::time::Duration;

use uuid::Uuid;

use super::NatsConfig;

/// With a shorter window the server would not recognize events that are published again after an outage.
pub(super) const MIN_DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// The configuration of a stream: servers, name and partitions. It must be the same for publishers and workers.
pub type StreamConfig = NatsConfig<Partitions>;

/// How a [stream](StreamConfig) is partitioned, and what it keeps.
#[derive(Debug, Clone)]
pub struct Partitions {
    prefix: String,
    pub(super) number: u32,
    pub(super) max_bytes: Option<u64>,
    pub(super) discard: Discard,
    pub(super) duplicate_window: Duration,
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

impl NatsConfig<Partitions> {
    /// Creates the configuration of a stream `llm-events` with 8 partitions and subjects `llm.events.…`.
    ///
    /// `servers` is an address such as `nats://127.0.0.1:4222`, or a comma-separated list of addresses, which are tried in
    /// turn.
    pub fn new(servers: &str) -> Self {
        let partitions = Partitions {
            prefix: "llm.events".to_owned(),
            number: 8,
            max_bytes: None,
            discard: Discard::Old,
            duplicate_window: MIN_DUPLICATE_WINDOW,
        };
        Self::of(servers, "llm-events", Duration::from_secs(5), partitions)
    }

    /// Sets the prefix of subjects, which are `{prefix}.{partition}.{run_type}.{event}`; the default is `llm.events`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.of.prefix = prefix.into();
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
        self.of.number = partitions;
        self
    }

    /// Sets the maximum size of the stream, if it is created by this process; unlimited by default.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.of.max_bytes = Some(bytes);
        self
    }

    /// Sets what is discarded when the stream is full, if it is created by this process; the default is
    /// [`Discard::Old`].
    #[must_use]
    pub fn discard(mut self, discard: Discard) -> Self {
        self.of.discard = discard;
        self
    }

    /// Sets for how long the server recognizes an event that is published again; the default and the minimum is
    /// 2 minutes.
    #[must_use]
    pub fn duplicate_window(mut self, window: Duration) -> Self {
        self.of.duplicate_window = window.max(MIN_DUPLICATE_WINDOW);
        self
    }

    /// Returns a run's partition: the FNV-1a hash of its id, which is stable across versions of this crate.
    fn partition(&self, run_id: Uuid) -> u32 {
        let hash = run_id.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash % u64::from(self.of.number)) as u32
    }

    pub(super) fn subject(&self, run_id: Uuid, run_type: &str, event: &str) -> String {
        format!("{}.{}.{run_type}.{event}", self.of.prefix, self.partition(run_id))
    }

    /// Returns the subjects of a partition.
    pub(super) fn subjects(&self, partition: u32) -> String {
        format!("{}.{partition}.>", self.of.prefix)
    }

    pub(super) fn all_subjects(&self) -> Vec<String> {
        (0..self.of.number).map(|partition| self.subjects(partition)).collect()
    }
}
