use std::{error::Error, fmt, time::Duration};

/// The error of an answer that took too long to begin, or to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamTimedOut {
    began: bool,
    limit: Duration,
}

impl StreamTimedOut {
    pub(super) fn new(began: bool, limit: Duration) -> Self {
        Self { began, limit }
    }

    /// Returns true if the answer had begun, and then paused for too long.
    pub fn began(&self) -> bool {
        self.began
    }

    /// Returns the limit that was exceeded.
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

impl fmt::Display for StreamTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit;
        match self.began {
            false => write!(f, "the answer did not begin within {limit:?}"),
            true => write!(f, "the answer paused for more than {limit:?}"),
        }
    }
}

impl Error for StreamTimedOut {}
