use std::time::Duration;

use tokio::time::Instant;

/// Further behind than this, a run's events may be among those that are yet to be read.
const NEAR: u64 = 1000;
/// How long everything must have been read before a run counts as silent: what publishers held back while the server
/// was away gets time to come.
const SETTLED: Duration = Duration::from_secs(60);

/// Since when there was next to nothing left to read on this connection.
#[derive(Debug, Default)]
pub(super) struct CaughtUp(Option<Instant>);

impl CaughtUp {
    /// So much is left.
    pub(super) fn read(&mut self, pending: u64) {
        self.0 = (pending <= NEAR).then(|| self.0.unwrap_or_else(Instant::now));
    }

    /// Whether a run of which nothing came for so long is silent, rather than its events unread.
    pub(super) fn can_tell_silence(&self, timeout: Duration) -> bool {
        self.0.is_some_and(|since| since.elapsed() >= timeout.min(SETTLED))
    }

    /// How often it is worth while to look for silent runs.
    pub(super) fn look_every(timeout: Duration) -> Duration {
        (timeout / 4).clamp(Duration::from_millis(10), SETTLED)
    }
}
