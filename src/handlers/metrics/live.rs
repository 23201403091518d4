use std::{sync::Arc, time::Instant};

use metrics::{Counter, Gauge, Histogram, Label};

use crate::{handlers::open::Open, run::Run};

/// What is kept of a run in flight.
pub(super) struct Live {
    pub(super) labels: Vec<Label>,
    pub(super) in_flight: Gauge,
    /// Of models.
    pub(super) pieces: Option<Pieces>,
}

/// The pieces of an answer.
pub(super) struct Pieces {
    meters: Arc<Meters>,
    last: Option<Instant>,
}

/// Kept, so that a token costs no look-up by labels.
struct Meters {
    count: Counter,
    gap: Histogram,
}

impl Pieces {
    pub(super) fn new(count: Counter, gap: Histogram) -> Self {
        Self { meters: Arc::new(Meters { count, gap }), last: None }
    }
}

/// A piece of a run's answer came.
pub(super) fn piece(open: &Open<Live>, run: &Run) {
    let now = Instant::now();
    let found = open.with(run.run_id(), |live| {
        let Pieces { meters, last } = live.pieces.as_mut()?;
        Some((Arc::clone(meters), last.replace(now)))
    });
    // Not under the lock: the recorder is anybody's.
    if let Some((meters, last)) = found.flatten() {
        meters.count.increment(1);
        if let Some(last) = last {
            meters.gap.record(now.saturating_duration_since(last));
        }
    }
}
