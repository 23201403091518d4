use std::time::Duration;

/// Measures a call: from the inner call to the end of the answer, without the time in which handlers held it up.
///
/// Times are nanoseconds since the start of the run, which a `u64` holds for centuries. It is part of every run in
/// flight, so it is small: [`NEVER`] instead of an `Option`.
pub(crate) struct CallClock {
    called: u64,
    /// Handlers hold the stream up since then.
    held_since: u64,
    ended: u64,
}

const NEVER: u64 = u64::MAX;

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(NEVER - 1)
}

impl CallClock {
    pub(crate) fn new() -> Self {
        Self { called: NEVER, held_since: NEVER, ended: NEVER }
    }

    /// The inner service is called now.
    pub(crate) fn call(&mut self, now: Duration) {
        self.called = nanoseconds(now);
    }

    /// Returns the time since the inner call. Zero if it was not made.
    pub(crate) fn since_call(&self, now: Duration) -> Duration {
        Duration::from_nanos(nanoseconds(now).saturating_sub(self.called))
    }

    /// Handlers hold the stream up from now on.
    pub(crate) fn hold(&mut self, now: impl FnOnce() -> Duration) {
        if self.held_since == NEVER {
            self.held_since = nanoseconds(now());
        }
    }

    /// Handlers do not hold the stream up any more. Returns how long they did.
    #[inline]
    pub(crate) fn release(&mut self, now: impl FnOnce() -> Duration) -> u64 {
        if self.held_since == NEVER {
            return 0;
        }
        nanoseconds(now()).saturating_sub(std::mem::replace(&mut self.held_since, NEVER))
    }

    /// Subtracts time in which handlers held the stream up although its next item was there.
    #[inline]
    pub(crate) fn subtract(&mut self, held: u64) {
        self.called = self.called.saturating_add(held);
    }

    /// The answer has ended now, or seems to. The last end counts.
    pub(crate) fn end(&mut self, now: Duration) {
        self.ended = nanoseconds(now);
    }

    /// Returns how long the call took.
    pub(crate) fn duration(&self, now: Duration) -> Duration {
        self.since_call(Duration::from_nanos(nanoseconds(now).min(self.ended)))
    }
}
