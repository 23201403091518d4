use std::{collections::HashMap, sync::Mutex, time::Instant};

use metrics::{Counter, Gauge, Histogram, Label};
use uuid::Uuid;

use crate::{
    run::{Run, RunType},
    sync::lock,
};

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

/// The runs in flight.
#[derive(Default)]
pub(super) struct Lives(Mutex<HashMap<Uuid, Option<Live>>>);

/// Runs of which no end is heard, since the handler was given up on in them, must not add up for ever.
const MOST: usize = 100_000;

impl Lives {
    /// A run starts. A model's run directly in another one is the same call seen by a layer below: it is
    /// remembered, and not counted.
    pub(super) fn start(&self, run: &Run, make: impl FnOnce() -> Live) {
        let mut runs = lock(&self.0);
        if runs.len() >= MOST {
            return;
        }
        let above = run.parent_run_id().and_then(|parent| runs.get(&parent));
        let is_model = |live: &Option<Live>| live.as_ref().is_none_or(|live| live.pieces.is_some());
        let is_inner = run.run_type() == RunType::Llm && above.is_some_and(is_model);
        let live = (!is_inner).then(make);
        runs.insert(run.run_id(), live);
    }

    pub(super) fn token(&self, run: &Run) {
        let mut runs = lock(&self.0);
        if let Some(Some(Live { pieces: Some(pieces), .. })) = runs.get_mut(&run.run_id()) {
            pieces.piece();
        }
    }

    /// A run has ended: what was kept of it, if it counts.
    pub(super) fn end(&self, run: &Run) -> Option<Live> {
        lock(&self.0).remove(&run.run_id()).flatten()
    }

    pub(super) fn labels(&self, run: &Run) -> Option<Vec<Label>> {
        let runs = lock(&self.0);
        let live = runs.get(&run.run_id())?.as_ref()?;
        Some(live.labels.clone())
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}
