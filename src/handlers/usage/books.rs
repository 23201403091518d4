use std::{collections::VecDeque, sync::Arc, time::SystemTime};

use super::{counts::RunCounts, group::Values, names::Names, period::Period};

/// All counts since the last [`take`](super::UsageTotals::take).
#[derive(Debug)]
pub(super) struct Books {
    pub(super) since: SystemTime,
    pub(super) all: Period,
    /// The current window and its number.
    pub(super) current: Option<(u64, Period)>,
    /// Past windows. They do not change, so they are copied without the lock.
    pub(super) past: VecDeque<(u64, Arc<Period>)>,
    pub(super) unpriced: Names,
    /// The currency of all costs: that of the first.
    pub(super) currency: Option<Arc<str>>,
}

impl Books {
    pub(super) fn new() -> Self {
        Self {
            since: SystemTime::now(),
            all: Period::default(),
            current: None,
            past: VecDeque::new(),
            unpriced: Names::default(),
            currency: None,
        }
    }

    /// Makes a window the current one. Returns the windows that are no longer kept, to be dropped outside of the
    /// lock: they may be large.
    pub(super) fn turn_to(&mut self, now: u64, keep: usize) -> Vec<Arc<Period>> {
        if let Some((number, _)) = &self.current
            && *number < now
            && let Some((number, period)) = self.current.take()
        {
            self.past.push_back((number, Arc::new(period)));
        }
        let mut dropped = Vec::new();
        // The current window is one of the windows to keep.
        while let Some((number, _)) = self.past.front()
            && now - number >= keep as u64
        {
            dropped.extend(self.past.pop_front().map(|(_, period)| period));
        }
        dropped
    }

    pub(super) fn add(
        &mut self,
        run: &RunCounts,
        (groups, more): (&[Values], bool),
        window: Option<u64>,
        max: usize,
    ) {
        self.all.add(run, groups, more, max);
        if let Some(window) = window {
            let (_, period) = self.current.get_or_insert_with(|| (window, Period::default()));
            period.add(run, groups, more, max);
        }
    }
}
