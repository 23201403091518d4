use std::{pin::pin, sync::Arc, time::Duration};

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
    let waits: Vec<_> = cells.iter().map(|cell| (cell, cell.watch.unfinished())).collect();
    let mut report = FlushReport::default();
    for (cell, lanes) in waits {
        let flushing = cell.flushing();
        for (lane, pushed) in lanes {
            let done = async {
                loop {
                    let mut progress = pin!(flushing.progress().notified());
                    progress.as_mut().enable();
                    if missing(&lane, pushed) == 0 {
                        return;
                    }
                    progress.await;
                }
            };
            if timeout_at(by, done).await.is_err() {
                let events = missing(&lane, pushed);
                if events > 0 {
                    let handler = Arc::clone(&cell.name);
                    let run_id = lane.run().run_id();
                    report.undelivered.push(Undelivered { handler, run_id, events });
                }
            }
        }
    }
    report
}

fn missing(lane: &LaneRef, pushed: u64) -> u64 {
    let Progress { active, finished, .. } = lane.lane().progress();
    if active { pushed.saturating_sub(finished) } else { 0 }
}
