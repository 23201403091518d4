use std::time::Duration;

use crate::nats::StreamConfig;

/// The configuration of a [`Publisher`](super::Publisher).
#[derive(Debug, Clone)]
pub struct PublisherConfig {
    pub(super) stream: StreamConfig,
    pub(super) events: usize,
    pub(super) bytes: usize,
    pub(super) window: usize,
    pub(super) report: Duration,
}

impl PublisherConfig {
    /// Creates the default configuration for a stream.
    pub fn new(stream: StreamConfig) -> Self {
        Self {
            stream,
            events: 10_000,
            bytes: 64 << 20,
            window: 1024,
            report: Duration::from_secs(10),
        }
    }

    /// Sets the maximum number of unacknowledged events of all runs; the default is 10,000.
    ///
    /// If the buffer is full, tokens (and custom and retry events) are dropped in favour of starts and ends. Starts may
    /// use only half of the buffer, so that there is room for ends.
    ///
    /// # Panics
    ///
    /// Panics if the number is less than 2.
    #[must_use]
    pub fn buffer(mut self, events: usize) -> Self {
        assert!(events > 1, "a publisher's buffer must hold at least 2 events, not {events}");
        self.events = events;
        self
    }

    /// Sets the maximum size of the buffered records; the default is 64 MiB.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets the maximum number of events that are sent and not yet acknowledged; the default is 1,024.
    ///
    /// # Panics
    ///
    /// Panics if the number is 0.
    #[must_use]
    pub fn window(mut self, events: usize) -> Self {
        assert!(events > 0, "a publisher's window must be at least 1 event");
        self.window = events;
        self
    }

    /// Sets the minimum interval between log messages about losses; the default is 10 s.
    #[must_use]
    pub fn report_every(mut self, interval: Duration) -> Self {
        self.report = interval.max(Duration::from_millis(1));
        self
    }
}
