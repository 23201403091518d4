use std::{collections::HashMap, sync::Mutex, time::Instant};

use metrics::{Counter, Gauge, Histogram, Label};
use uuid::Uuid;

use crate::{run::Run, sync::lock};

/// What is kept of a run in flight.
pub(super) struct Live {
    pub(super) labels: Vec<Label>,
    pub(super) in_flight: Gauge,
    /// Of models: so that a token costs no look-up by labels.
    pub(super) pieces: Option<Pieces>,
}

/// The pieces of an answer.
pub(super) struct Pieces {
    pub(super) count: Counter,
    pub(super) gap: Histogram,
    pub(super) last: Option<Instant>,
}

impl Pieces {
    pub(super) fn piece(&mut self) {
        let now = Instant::now();
        self.count.increment(1);
        if let Some(last) = self.last.replace(now) {
            self.gap.record(now.saturating_duration_since(last));
        }
    }
}

/// The runs in flight that count.
#[derive(Default)]
pub(super) struct Lives(Mutex<HashMap<Uuid, Live>>);

/// Runs of which no end is heard, since the handler was given up on in them, must not add up for ever.
const MOST: usize = 100_000;

impl Lives {
    pub(super) fn start(&self, run: &Run, live: Live) {
        let mut runs = lock(&self.0);
        if runs.len() < MOST {
            runs.insert(run.run_id(), live);
        }
    }

    pub(super) fn token(&self, run: &Run) {
        let mut runs = lock(&self.0);
        if let Some(Live { pieces: Some(pieces), .. }) = runs.get_mut(&run.run_id()) {
            pieces.piece();
        }
    }

    /// A run has ended: what was kept of it, if it counts.
    pub(super) fn end(&self, run: &Run) -> Option<Live> {
        lock(&self.0).remove(&run.run_id())
    }

    pub(super) fn labels(&self, run: &Run) -> Option<Vec<Label>> {
        let runs = lock(&self.0);
        Some(runs.get(&run.run_id())?.labels.clone())
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}
