use std::time::Duration;

use crate::nats::StreamConfig;

/// How a [`Publisher`](super::Publisher) publishes.
#[derive(Debug, Clone)]
pub struct PublisherConfig {
    pub(super) stream: StreamConfig,
    pub(super) events: usize,
    pub(super) bytes: usize,
    pub(super) window: usize,
    pub(super) report: Duration,
}

impl PublisherConfig {
    /// The defaults, to a stream.
    pub fn new(stream: StreamConfig) -> Self {
        Self {
            stream,
            events: 10_000,
            bytes: 64 << 20,
            window: 1024,
            report: Duration::from_secs(10),
        }
    }

    /// Sets how many events of all runs wait for the server at most; 10,000 is the default. Where there is no
    /// room, tokens (and custom and retry events) go before starts and ends, and ends before starts: half of it is
    /// for ends alone.
    ///
    /// # Panics
    ///
    /// If it is less than 2.
    #[must_use]
    pub fn buffer(mut self, events: usize) -> Self {
        assert!(events > 1, "the buffer must have room for a start and an end");
        self.events = events;
        self
    }

    /// Sets how many bytes they may have together; 64 MiB is the default.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets how many events are on their way at once; 1,024 is the default.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn window(mut self, events: usize) -> Self {
        assert!(events > 0, "at least 1 event must be on its way");
        self.window = events;
        self
    }

    /// Sets how often losses are logged at most; every 10 s is the default.
    #[must_use]
    pub fn report_every(mut self, interval: Duration) -> Self {
        self.report = interval.max(Duration::from_millis(1));
        self
    }
}
