use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// How long to wait before the next connection: longer each time, while none is of any use.
#[derive(Debug)]
pub(super) struct Pause {
    next: Duration,
}

impl Pause {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    /// After a connection, which may have been of use. Whether it is the first after one that was.
    pub(super) fn after(&mut self, useful: bool) -> (Duration, bool) {
        if useful {
            self.next = FIRST;
        }
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST);
        (pause, pause == FIRST)
    }
}
