use std::{fmt, time::Duration};

use async_nats::{
    ConnectOptions,
    jetstream::stream::{Config, StorageType},
};

/// The configuration of servers, and of what they store: the stream of events ([`StreamConfig`](super::StreamConfig)), or a
/// bucket of budgets (`BucketConfig`).
///
/// What is stored is configured by the process that creates it. An existing one stays as it is.
#[derive(Clone)]
pub struct NatsConfig<K> {
    pub(super) servers: Vec<String>,
    pub(super) options: Option<ConnectOptions>,
    pub(super) timeout: Duration,
    pub(super) name: String,
    max_age: Option<Duration>,
    storage: Storage,
    replicas: usize,
    pub(super) of: K,
}

/// Where a server stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Storage {
    /// On disk.
    #[default]
    File,
    /// In memory. Lost when the server restarts.
    Memory,
}

impl<K> NatsConfig<K> {
    pub(super) fn of(servers: &str, name: &str, timeout: Duration, of: K) -> Self {
        Self {
            servers: servers.split(',').map(|server| server.trim().to_owned()).collect(),
            options: None,
            timeout,
            name: name.to_owned(),
            max_age: None,
            storage: Storage::File,
            replicas: 1,
            of,
        }
    }

    /// Sets the options of a connection, such as credentials and certificates. Options about reconnecting and, for a bucket,
    /// about pings are ignored: a broken connection is replaced by a new one.
    #[must_use]
    pub fn connect_options(mut self, options: ConnectOptions) -> Self {
        self.options = Some(options);
        self
    }

    /// Sets how long to wait for a response or an acknowledgement of the server; the default is 5 s for a stream and 2 s for a
    /// bucket. A guard of budgets has a timeout of its own.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the name of the stream (default `llm-events`) or the bucket (default `llm-budgets`): letters, digits, `-` and `_`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets how long events are kept, or an account after its last change; unlimited by default. For budgets, twice the length
    /// of their windows is long enough, if no run is longer.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age).filter(|age| !age.is_zero());
        self
    }

    /// Sets where the server stores; the default is [`Storage::File`].
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// Sets the number of replicas in a cluster; the default is 1.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Returns the settings of a stream, without limits of its size.
    pub(super) fn stream(&self, duplicate_window: Duration) -> Config {
        Config {
            name: self.name.clone(),
            max_bytes: -1,
            max_messages: -1,
            max_age: self.max_age.unwrap_or_default(),
            storage: match self.storage {
                Storage::File => StorageType::File,
                Storage::Memory => StorageType::Memory,
            },
            num_replicas: self.replicas,
            // The server rejects a window that is longer than the age.
            duplicate_window: self
                .max_age
                .map_or(duplicate_window, |age| age.min(duplicate_window)),
            ..Config::default()
        }
    }
}

impl<K: fmt::Debug> fmt::Debug for NatsConfig<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsConfig")
            .field("name", &self.name)
            .field("of", &self.of)
            .finish_non_exhaustive()
    }
}
