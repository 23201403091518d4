use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{
    cell::Cell,
    lane::{LaneRef, Progress},
};

/// What a flush waited for in vain: see [`Callbacks::flush`](super::Callbacks::flush).
#[derive(Debug, Clone, Default)]
#[must_use = "it says whether events are still undelivered"]
#[non_exhaustive]
pub struct FlushReport {
    /// The events that were told before the flush and not handled by its deadline.
    pub undelivered: Vec<Undelivered>,
}

impl FlushReport {
    /// Whether every event was handled (or lost, which is a fault of its own).
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
    /// The run.
    pub run_id: Uuid,
    /// How many events, the one in the handler's hands included.
    pub events: u64,
}

pub(crate) async fn flush(cells: &[Arc<Cell>], deadline: Duration) -> FlushReport {
    let now = Instant::now();
    // Far enough for a deadline that cannot be counted.
    let by = now.checked_add(deadline).unwrap_or(now + Duration::from_secs(86_400 * 365));
    let mut waits = Vec::new();
    for cell in cells {
        let flushing = cell.flushing();
        for lane in cell.watch.lanes() {
            // What another thread has yet to tell is in no lane.
            let told = timeout_at(by, flushing.until(|| !lane.dispatch.is_busy())).await.is_ok();
            let Progress { pushed, .. } = lane.lane().progress();
            if !told || missing(&lane, pushed) > 0 {
                waits.push((cell, lane, pushed, told));
            }
        }
    }
    let mut report = FlushReport::default();
    for (cell, lane, pushed, told) in waits {
        let flushing = cell.flushing();
        // Where it is not told by then, it is late already.
        let done = timeout_at(by, flushing.until(|| missing(&lane, pushed) == 0)).await.is_ok();
        if told && done {
            continue;
        }
        let untold = if told { 0 } else { 1.max(lane.dispatch.untold() as u64) };
        let events = missing(&lane, pushed) + untold;
        if events > 0 {
            let handler = Arc::clone(&cell.name);
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
