use std::fmt;

/// Why a part of an event stream could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventStreamFault {
    /// The bytes are no beginning of a frame: its lengths are impossible, or their checksum is wrong. They are skipped up to
    /// the next beginning of a frame.
    Lost,
    /// The checksum of a frame is wrong. The frame is skipped.
    Checksum,
    /// The headers of a frame are malformed. The frame is skipped.
    Headers,
    /// A frame is longer than the limit. It is skipped.
    TooLong,
    /// The stream ended within a frame.
    Cut,
}

impl fmt::Display for EventStreamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "bytes between the frames of the event stream",
            Self::Checksum => "a frame of the event stream has a wrong checksum",
            Self::Headers => "a frame of the event stream has malformed headers",
            Self::TooLong => "a frame of the event stream is too long",
            Self::Cut => "the event stream ended within a frame",
        })
    }
}

impl std::error::Error for EventStreamFault {}
