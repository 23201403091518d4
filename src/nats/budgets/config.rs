use std::{fmt, time::Duration};

use async_nats::ConnectOptions;

use crate::nats::Storage;

/// The configuration of a bucket: a key-value store of JetStream.
#[derive(Clone)]
pub struct BucketConfig {
    pub(super) servers: Vec<String>,
    pub(super) options: Option<ConnectOptions>,
    pub(super) timeout: Duration,
    pub(super) name: String,
    pub(super) max_age: Duration,
    pub(super) storage: Storage,
    pub(super) replicas: usize,
}

impl BucketConfig {
    /// Creates the configuration of a bucket `llm-budgets`.
    ///
    /// `servers` is an address such as `nats://127.0.0.1:4222`, or a comma-separated list of addresses.
    pub fn new(servers: &str) -> Self {
        Self {
            servers: servers.split(',').map(|server| server.trim().to_owned()).collect(),
            options: None,
            timeout: Duration::from_secs(2),
            name: "llm-budgets".to_owned(),
            max_age: Duration::ZERO,
            storage: Storage::File,
            replicas: 1,
        }
    }

    /// Sets the options of the connection, such as credentials and certificates. Options about pings and reconnecting are
    /// ignored: a broken connection is detected, and replaced, within a few times the [timeout](Self::timeout).
    #[must_use]
    pub fn connect_options(mut self, options: ConnectOptions) -> Self {
        self.options = Some(options);
        self
    }

    /// Sets how long to wait for a response of the server; the default is 2 s. The guard has a
    /// [timeout](crate::handlers::SharedBudgets::timeout) of its own.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the name of the bucket: letters, digits, `-` and `_`; the default is `llm-budgets`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how long an account is kept after its last change, if the bucket is created by this process; unlimited by default.
    /// Twice the length of the budgets' windows is long enough, if no run is longer.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Sets where accounts are stored, if the bucket is created by this process; the default is [`Storage::File`].
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// Sets the number of replicas in a cluster, if the bucket is created by this process; the default is 1.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }
}

impl fmt::Debug for BucketConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketConfig").field("name", &self.name).finish_non_exhaustive()
    }
}
