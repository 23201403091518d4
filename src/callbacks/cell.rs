use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use super::{
    Delivery, HandlerStats, Registration,
    lane::{LaneRef, Progress},
    pool::Pool,
    registration::{Code, Settings},
    shared::Shared,
    watch::Watch,
};
use crate::handler::EventMask;

/// A handler in a set: its code, how events reach it, and what is on their way in all runs.
pub(crate) struct Cell {
    pub(crate) code: Code,
    pub(crate) interests: EventMask,
    pub(crate) name: Arc<str>,
    pub(crate) settings: Settings,
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: Pool,
    pub(crate) watch: Watch,
    /// Runs that have events for the handler which it has not handled.
    undelivered: AtomicUsize,
    dropped_tokens: AtomicU64,
    faults: AtomicU64,
    flushes: AtomicUsize,
    flush_progress: Notify,
    identity: Option<usize>,
}

impl Cell {
    pub(crate) fn new(handler: Registration, shared: Arc<Shared>) -> Self {
        Self {
            pool: Pool::new(handler.settings.threads),
            watch: Watch::new(handler.settings.deadline),
            code: handler.code,
            interests: handler.interests,
            name: handler.name,
            settings: handler.settings,
            shared,
            undelivered: AtomicUsize::new(0),
            dropped_tokens: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            flushes: AtomicUsize::new(0),
            flush_progress: Notify::new(),
            identity: handler.identity,
        }
    }

    /// Which instance it is: that of the handler's `Arc` if it has one, else the place in the set.
    pub(crate) fn identity(self: &Arc<Self>) -> usize {
        self.identity.unwrap_or_else(|| Arc::as_ptr(self).cast::<()>() as usize)
    }

    pub(crate) fn is_inline(&self) -> bool {
        self.settings.delivery == Delivery::Inline
    }

    pub(crate) fn takes_another_run(&self) -> bool {
        self.undelivered.load(Ordering::Relaxed) < self.settings.max_undelivered_runs
    }

    pub(crate) fn run_undelivered(&self) {
        self.undelivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn run_delivered(&self) {
        self.undelivered.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn token_dropped(&self) {
        self.dropped_tokens.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> HandlerStats {
        let lanes = self.watch.lanes();
        let waiting = |lane: &LaneRef| {
            let Progress { pushed, finished, .. } = lane.lane().progress();
            pushed.saturating_sub(finished)
        };
        HandlerStats {
            handler: Arc::clone(&self.name),
            undelivered_runs: self.undelivered.load(Ordering::Relaxed),
            undelivered_events: lanes.iter().map(waiting).sum(),
            dropped_tokens: self.dropped_tokens.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
        }
    }

    /// Tells a flush, if there is one, that an event was handled or lost.
    pub(crate) fn progressed(&self) {
        if self.flushes.load(Ordering::SeqCst) > 0 {
            self.flush_progress.notify_waiters();
        }
    }

    pub(crate) fn flushing(&self) -> Flushing<'_> {
        self.flushes.fetch_add(1, Ordering::SeqCst);
        Flushing(self)
    }
}

/// While it exists, progress is told.
pub(crate) struct Flushing<'a>(&'a Cell);

impl Flushing<'_> {
    /// Waits until something is so, which is looked at after all progress.
    pub(crate) async fn until(&self, so: impl Fn() -> bool) {
        loop {
            let mut progress = pin!(self.0.flush_progress.notified());
            progress.as_mut().enable();
            if so() {
                return;
            }
            progress.await;
        }
    }
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.0.flushes.fetch_sub(1, Ordering::SeqCst);
    }
}
