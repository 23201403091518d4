use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::delivery::{LaneRef, Member, Progress};

/// The events that a flush did not see handled: see [`Callbacks::flush`](super::Callbacks::flush).
#[derive(Debug, Clone, Default)]
#[must_use = "the report says whether events are still undelivered"]
#[non_exhaustive]
pub struct FlushReport {
    /// The events that were emitted before the flush and not handled by its deadline.
    pub undelivered: Vec<Undelivered>,
}

impl FlushReport {
    /// Returns true if every event was handled, or lost, which is reported as a fault.
    pub fn is_complete(&self) -> bool {
        self.undelivered.is_empty()
    }
}

/// Events of one run that a handler has not handled yet.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Undelivered {
    /// The handler's name.
    pub handler: Arc<str>,
    /// The run's id.
    pub run_id: Uuid,
    /// The number of events, including the one in the handler's hands.
    pub events: u64,
}

pub(super) async fn flush(members: &[Arc<Member>], deadline: Duration) -> FlushReport {
    let now = Instant::now();
    // A year, if the deadline cannot be represented.
    let by = now.checked_add(deadline).unwrap_or(now + Duration::from_secs(86_400 * 365));
    let mut waits = Vec::new();
    for member in members {
        let Some(executor) = &member.executor else { continue };
        let flushing = member.slot.flushing();
        for lane in executor.lanes() {
            // An event that another thread has still to dispatch is in no lane.
            let dispatched = flushing.until(|| !lane.dispatch.is_busy());
            let dispatched = timeout_at(by, dispatched).await.is_ok();
            let Progress { pushed, .. } = lane.lane().progress();
            if !dispatched || missing(&lane, pushed) > 0 {
                waits.push((&member.slot, lane, pushed, dispatched));
            }
        }
    }
    let mut report = FlushReport::default();
    for (slot, lane, pushed, dispatched) in waits {
        let flushing = slot.flushing();
        let handled = flushing.until(|| missing(&lane, pushed) == 0);
        if timeout_at(by, handled).await.is_ok() && dispatched {
            continue;
        }
        let backlog = if dispatched { 0 } else { 1.max(lane.dispatch.backlog() as u64) };
        let events = missing(&lane, pushed) + backlog;
        if events > 0 {
            let handler = Arc::clone(&slot.name);
            let run_id = lane.run().run_id();
            report.undelivered.push(Undelivered { handler, run_id, events });
        }
    }
    report
}

fn missing(lane: &LaneRef, pushed: u64) -> u64 {
    let Progress { active, finished, .. } = lane.lane().progress();
    if active { pushed.saturating_sub(finished) } else { 0 }
}
