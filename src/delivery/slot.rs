use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use super::{Delivery, Settings};
use crate::{
    handler::{CallbackHandler, EventMask},
    run::Identity,
};

/// A registered handler: its settings, and counters over all its runs. Shared by all sets that have it.
pub(crate) struct Slot {
    pub(crate) event_mask: EventMask,
    pub(crate) name: Arc<str>,
    pub(crate) identity: Identity,
    pub(crate) settings: Settings,
    /// The handler, if it is inline.
    pub(crate) inline: Option<Arc<dyn CallbackHandler>>,
    /// Whether the stream polls the handler's futures itself.
    pub(crate) is_driven: bool,
    /// Runs that have events which the handler has not handled.
    undelivered: AtomicUsize,
    dropped_tokens: AtomicU64,
    faults: AtomicU64,
    flushes: AtomicUsize,
    flush_progress: Notify,
}

impl Slot {
    pub(crate) fn new(
        (event_mask, name, identity): (EventMask, Arc<str>, Identity),
        settings: Settings,
        inline: Option<Arc<dyn CallbackHandler>>,
        is_async: bool,
    ) -> Self {
        Self {
            is_driven: is_async && settings.delivery == Delivery::Lockstep,
            event_mask,
            name,
            identity,
            settings,
            inline,
            undelivered: AtomicUsize::new(0),
            dropped_tokens: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            flushes: AtomicUsize::new(0),
            flush_progress: Notify::new(),
        }
    }

    pub(crate) fn is_inline(&self) -> bool {
        self.inline.is_some()
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

    /// Wakes a flush, if there is one, after an event was handled or lost.
    ///
    /// A flush counts itself before it checks what is handled, and this runs after an event was handled: one of the
    /// two sees the other.
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

/// Keeps a slot reporting its progress.
pub(crate) struct Flushing<'a>(&'a Slot);

impl Flushing<'_> {
    /// Waits until a condition holds, which is checked after each progress.
    pub(crate) async fn until(&self, condition: impl Fn() -> bool) {
        loop {
            let mut progress = pin!(self.0.flush_progress.notified());
            progress.as_mut().enable();
            if condition() {
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
