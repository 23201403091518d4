use std::time::{Duration, Instant};

use crate::delivery::LaneRef;

/// The lanes of a blocking handler whose events wait for those of others, and when they have waited long enough.
///
/// A handler that lingers is woken at most once in its linger for what is not urgent. Where the last wake-up was longer
/// ago, an event does not wait: a lone token is never late, and costs one wake-up, not one more for a timer.
pub(super) struct Gathering {
    linger: Duration,
    lanes: Vec<LaneRef>,
    /// The end of the linger after the last lanes. `None` where nothing has to wait, or a runtime measures it.
    until: Option<Instant>,
    /// A lane waits, or one has waited.
    has_waited: bool,
    /// Lanes have waited lately. Then others will, and a worker waits for them without being woken for that.
    is_dense: bool,
}

impl Gathering {
    pub(super) fn new(linger: Duration) -> Self {
        Self { linger, lanes: Vec::new(), until: None, has_waited: false, is_dense: false }
    }

    pub(super) fn lingers(&self) -> bool {
        !self.linger.is_zero()
    }

    /// Adds a lane. Returns whether it need not wait.
    pub(super) fn add(&mut self, lane: LaneRef, now: Instant) -> bool {
        let ends = !lane.lane().gathers() || self.until.is_none_or(|until| now >= until);
        self.has_waited |= !ends;
        self.lanes.push(lane);
        ends
    }

    /// Adds a lane for which a runtime measures the linger. Returns true if it is the first.
    pub(super) fn add_by_runtime(&mut self, lane: LaneRef) -> bool {
        let is_first = self.lanes.is_empty();
        if is_first {
            self.until = None;
        }
        self.lanes.push(lane);
        is_first
    }

    /// Returns when the lanes that gather have waited long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        self.until.filter(|_| !self.lanes.is_empty())
    }

    /// Returns how long a worker that parks should wait, to look for gathered lanes afterwards.
    pub(super) fn rest(&mut self, now: Instant) -> Option<Duration> {
        let rest = self.until?.saturating_duration_since(now);
        if self.lanes.is_empty() {
            // None came in all of the linger.
            self.is_dense &= !rest.is_zero();
        }
        (self.is_dense || !self.lanes.is_empty()).then_some(rest)
    }

    /// Returns the lanes, which are drained now.
    pub(super) fn end(&mut self, now: Instant) -> impl Iterator<Item = LaneRef> {
        self.is_dense |= std::mem::take(&mut self.has_waited);
        self.until = now.checked_add(self.linger);
        self.lanes.drain(..).inspect(|lane| lane.lane().gathered())
    }
}
