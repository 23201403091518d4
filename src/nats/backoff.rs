use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// The pauses between connections: doubled after each connection that made no progress.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    /// Returns the next pause, and whether it is the first one since a connection made progress.
    pub(super) fn next(&mut self, made_progress: bool) -> (Duration, bool) {
        if made_progress {
            self.next = FIRST;
        }
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST);
        (pause, pause == FIRST)
    }
}
