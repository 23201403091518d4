use std::time::Duration;

use crate::run::Run;

/// Measures a call: from the inner call to the end of the answer, without the time in which handlers held it up.
///
/// Times are nanoseconds since the start of the run, which a `u64` holds for centuries. It is part of every run in
/// flight, so it is small: [`NEVER`] instead of an `Option`. The time of the inner call is part of the [`Run`].
pub(crate) struct CallClock {
    /// Since when handlers hold the stream up, if they do.
    held_since: u64,
    ended: u64,
}

const NEVER: u64 = u64::MAX;

fn now(run: &Run) -> u64 {
    u64::try_from(run.elapsed().as_nanos()).unwrap_or(NEVER - 1)
}

impl CallClock {
    pub(crate) fn new() -> Self {
        Self { held_since: 0, ended: NEVER }
    }

    /// Returns the time since the inner call. Zero if it was not made.
    pub(crate) fn since_call(run: &Run) -> Duration {
        since_call(run, now(run))
    }

    /// The inner service is called now.
    pub(crate) fn call(run: &Run) {
        run.set_called(now(run));
        if let Some(consumer) = run.consumer() {
            consumer.call();
        }
    }

    /// Handlers hold the stream up from now on.
    pub(crate) fn hold(&mut self, run: &Run) {
        self.held_since = now(run);
    }

    /// Handlers do not hold the stream up any more. Returns how long they did.
    pub(crate) fn release(&self, run: &Run) -> u64 {
        now(run).saturating_sub(self.held_since)
    }

    /// Subtracts time in which handlers held the stream up although its next item was there.
    pub(crate) fn subtract(run: &Run, held: u64) {
        if let Some(called) = run.called() {
            run.set_called(called.saturating_add(held));
        }
    }

    /// The answer has ended now, or seems to. The last end counts.
    pub(crate) fn end(&mut self, run: &Run) {
        self.ended = now(run);
    }

    /// Returns how long the call took.
    pub(crate) fn duration(&self, run: &Run) -> Duration {
        since_call(run, self.ended.min(now(run)))
    }
}

fn since_call(run: &Run, time: u64) -> Duration {
    run.called().map_or(Duration::ZERO, |called| Duration::from_nanos(time.saturating_sub(called)))
}
