use std::time::Duration;

use tokio::time::Instant;

/// The maximum number of unread messages to count as caught up. With more, a silent run's events may be among them.
const NEAR: u64 = 1000;
/// How long the reader must have been caught up before a run counts as silent: publishers need time to send what they
/// buffered during an outage.
const SETTLED: Duration = Duration::from_secs(60);

/// The time since which the reader has been caught up on this connection.
#[derive(Debug, Default)]
pub(super) struct CaughtUp(Option<Instant>);

impl CaughtUp {
    /// Records the number of unread messages.
    pub(super) fn received(&mut self, pending: u64) {
        self.0 = (pending <= NEAR).then(|| self.0.unwrap_or_else(Instant::now));
    }

    /// Returns whether a run without events for the timeout is silent, rather than its events unread.
    pub(super) fn can_detect_silence(&self, timeout: Duration) -> bool {
        self.0.is_some_and(|since| since.elapsed() >= timeout.min(SETTLED))
    }

    /// Returns how often to look for silent runs.
    pub(super) fn check_interval(timeout: Duration) -> Duration {
        (timeout / 4).clamp(Duration::from_millis(10), SETTLED)
    }
}
