use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use super::{Notify, Settings, suspension::SuspensionState};
use crate::{
    handler::EventMask,
    run::{HandlerFrame, Identity, Run, Scope},
};

/// A registered handler: its settings, and counters over all its runs. Shared by all sets that have it.
pub(crate) struct Slot {
    pub(crate) event_mask: EventMask,
    pub(crate) name: Arc<str>,
    pub(crate) identity: Identity,
    pub(crate) settings: Settings,
    /// The handler, if it is inline.
    pub(crate) inline: Option<Arc<dyn Notify>>,
    is_async: bool,
    pub(crate) suspension: SuspensionState,
    /// Runs that have events which the handler has not handled.
    undelivered: AtomicUsize,
    dropped_tokens: AtomicU64,
    faults: AtomicU64,
}

impl Slot {
    pub(crate) fn new(
        (event_mask, name, identity): (EventMask, Arc<str>, Identity),
        settings: Settings,
        inline: Option<Arc<dyn Notify>>,
        is_async: bool,
    ) -> Self {
        Self {
            is_async,
            // A handler that aborts calls must not be left out of them.
            suspension: SuspensionState::new(
                settings.suspension.filter(|_| !settings.abort_on_fault),
            ),
            event_mask,
            name,
            identity,
            settings,
            inline,
            undelivered: AtomicUsize::new(0),
            dropped_tokens: AtomicU64::new(0),
            faults: AtomicU64::new(0),
        }
    }

    /// Returns the scope of the handler's code in a run: no current run, and calls in it do not notify the handler.
    pub(crate) fn scope_in(&self, run: &Run) -> Scope {
        let handler = self.identity.clone();
        let frame = HandlerFrame::new(handler, run.run_id(), run.frame().cloned());
        Scope::Handler(Arc::new(frame))
    }

    /// As [`scope_in`](Self::scope_in), for a call with the events of several runs, at least one.
    pub(crate) fn scope_in_all<'a>(&self, runs: impl Iterator<Item = &'a Run>) -> Scope {
        let (mut run_ids, mut outer) = (Vec::new(), None::<Arc<HandlerFrame>>);
        for run in runs {
            run_ids.push(run.run_id());
            outer = match outer {
                Some(outer) => Some(outer.and(run.frame())),
                None => run.frame().cloned(),
            };
        }
        Scope::Handler(Arc::new(HandlerFrame::of_all(self.identity.clone(), &run_ids, outer)))
    }

    pub(crate) fn is_inline(&self) -> bool {
        self.inline.is_some()
    }

    pub(crate) fn is_async(&self) -> bool {
        self.is_async
    }

    /// Returns how many threads may run the handler. `None` if it runs elsewhere.
    pub(crate) fn threads(&self) -> Option<usize> {
        (!self.is_async && !self.is_inline()).then_some(self.settings.threads)
    }

    pub(crate) fn takes_another_run(&self) -> bool {
        self.undelivered_runs() < self.settings.max_undelivered_runs
    }

    pub(crate) fn undelivered_runs(&self) -> usize {
        self.undelivered.load(Ordering::Relaxed)
    }

    pub(crate) fn run_undelivered(&self) {
        self.undelivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn run_delivered(&self) {
        self.undelivered.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn dropped_tokens(&self) -> u64 {
        self.dropped_tokens.load(Ordering::Relaxed)
    }

    pub(crate) fn token_dropped(&self) {
        self.dropped_tokens.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    pub(crate) fn count_fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }
}
