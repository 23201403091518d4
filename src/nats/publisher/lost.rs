use std::fmt;

/// Events that were not published, and why: of [`Publisher::lost`](super::Publisher::lost).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PublishLosses {
    /// There was no room in the buffer.
    pub no_room: u64,
    /// The server did not take them: the stream is full, or they are larger than it takes.
    pub refused: u64,
    /// They are of a run whose start was lost, and nobody could be told of them.
    pub without_start: u64,
    /// They could not be written as JSON.
    pub unwritable: u64,
}

impl PublishLosses {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.no_room + self.refused + self.without_start + self.unwritable
    }
}

impl fmt::Display for PublishLosses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PublishLosses { no_room, refused, without_start, unwritable } = self;
        write!(f, "{no_room} had no room, {refused} were refused by the server, ")?;
        write!(
            f,
            "{without_start} were of runs whose start was lost, {unwritable} were not writable"
        )
    }
}

/// What became of a publisher's events. Each that it took is one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PublisherStats {
    /// Events that the server has acknowledged.
    pub acknowledged: u64,
    /// Of these, those that it knew already: they were published again.
    pub duplicates: u64,
    /// Events that wait to be sent or acknowledged.
    pub waiting: u64,
    /// Events that were lost.
    pub lost: PublishLosses,
    /// How often it has connected.
    pub connections: u64,
}
