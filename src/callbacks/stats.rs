use std::sync::Arc;

use crate::delivery::{LaneRef, Member, Progress};

/// The state of a handler in a set: see [`Callbacks::stats`](super::Callbacks::stats).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerStats {
    /// The handler's name: that of its type, or the one that was set.
    pub handler: Arc<str>,
    /// The number of runs with events that the handler has not handled.
    pub undelivered_runs: usize,
    /// The number of those events, including the ones in the handler's hands. Always 0 for inline handlers.
    pub undelivered_events: u64,
    /// The number of token events that were dropped because the handler's queue was full, ever.
    pub dropped_tokens: u64,
    /// The number of the handler's [faults](super::Fault), ever.
    pub faults: u64,
    /// Whether the handler is [suspended](super::Suspension) now.
    pub suspended: bool,
    /// The number of runs that started without the handler because it was suspended, ever.
    pub skipped_runs: u64,
}

pub(super) fn of(member: &Member) -> HandlerStats {
    let waiting = |lane: &LaneRef| {
        let Progress { pushed, finished, .. } = lane.lane().progress();
        pushed.saturating_sub(finished)
    };
    let lanes = member.executor.as_ref().map(|executor| executor.lanes()).unwrap_or_default();
    HandlerStats {
        handler: Arc::clone(&member.slot.name),
        undelivered_runs: member.slot.undelivered_runs(),
        undelivered_events: lanes.iter().map(waiting).sum(),
        dropped_tokens: member.slot.dropped_tokens(),
        faults: member.slot.faults(),
        suspended: member.slot.suspension.is_suspended(),
        skipped_runs: member.slot.suspension.skipped(),
    }
}
