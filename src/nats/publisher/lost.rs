use std::fmt;

/// The number of events that were not published, by reason: see [`Publisher::lost`](super::Publisher::lost).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PublishLosses {
    /// Events that did not fit into the buffer.
    pub no_room: u64,
    /// Events that the server refused: the stream is full, or the event exceeds the server's maximum size.
    pub refused: u64,
    /// Events of a run whose start was lost. No handler could receive them.
    pub without_start: u64,
    /// Events that could not be serialized as JSON.
    pub unwritable: u64,
}

impl PublishLosses {
    /// Returns the number of all lost events.
    pub fn total(&self) -> u64 {
        self.no_room + self.refused + self.without_start + self.unwritable
    }
}

impl fmt::Display for PublishLosses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PublishLosses { no_room, refused, without_start, unwritable } = self;
        write!(f, "{no_room} did not fit into the buffer, {refused} were refused by the server, ")?;
        write!(
            f,
            "{without_start} belonged to runs whose start was lost, {unwritable} could not be serialized"
        )
    }
}

/// The counters of a publisher. Each event that it accepted is acknowledged, waiting or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PublisherStats {
    /// Events that the server has acknowledged.
    pub acknowledged: u64,
    /// Acknowledged events that the server had already received: they were published again.
    pub duplicates: u64,
    /// Events that are waiting to be sent or acknowledged.
    pub waiting: u64,
    /// Events that were lost.
    pub lost: PublishLosses,
    /// The number of connections that were made.
    pub connections: u64,
}
