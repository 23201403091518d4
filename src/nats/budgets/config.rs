use std::time::Duration;

use crate::nats::NatsConfig;

/// The configuration of a bucket: a key-value store of JetStream.
pub type BucketConfig = NatsConfig<Bucket>;

/// Marks the [configuration](BucketConfig) of a bucket.
#[derive(Debug, Clone)]
pub struct Bucket(());

impl NatsConfig<Bucket> {
    /// Creates the configuration of a bucket `llm-budgets`.
    ///
    /// `servers` is an address such as `nats://127.0.0.1:4222`, or a comma-separated list of addresses.
    pub fn new(servers: &str) -> Self {
        Self::of(servers, "llm-budgets", Duration::from_secs(2), Bucket(()))
    }
}
