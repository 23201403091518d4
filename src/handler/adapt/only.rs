use std::fmt;

use super::{
    Adaptation, Adapter,
    adapter::{MAX_RUNS, with_ends},
};
use crate::{
    event::Event,
    handler::{EventMask, Open},
    run::Run,
};

/// Lets through some runs: see [`HandlerExt::only`](super::HandlerExt::only).
pub struct Only<F> {
    filter: F,
    /// What was decided for the runs in flight.
    decided: Open<bool>,
}

impl<F> Only<F> {
    pub(super) fn new(filter: F) -> Self {
        Self { filter, decided: Open::new(MAX_RUNS) }
    }
}

impl<F: Fn(&Run) -> bool + Send + Sync + 'static> Adapter for Only<F> {
    fn event_mask(&self, wanted: EventMask) -> EventMask {
        with_ends(wanted)
    }

    /// The filter is asked once a run, so that a run that started also ends.
    fn adapt(&self, run: &Run, event: &Event) -> Adaptation {
        let is_last = event.kind().is_terminal();
        let decided = match is_last {
            true => self.decided.remove(run),
            false => self.decided.with(run.run_id(), |passes| *passes),
        };
        let passes = decided.unwrap_or_else(|| {
            let passes = (self.filter)(run);
            if !is_last {
                self.decided.insert(run, passes);
            }
            passes
        });
        if passes { Adaptation::Same } else { Adaptation::Nothing }
    }
}

impl<F> fmt::Debug for Only<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Only").finish_non_exhaustive()
    }
}
