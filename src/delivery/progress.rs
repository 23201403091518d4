//! What flushes wait for, and which handlers flush.

use std::{
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;
use uuid::Uuid;

use super::Slot;
use crate::{
    run::{Identity, Scope},
    sync::lock,
};

static FLUSHES: AtomicUsize = AtomicUsize::new(0);
static PROGRESS: Notify = Notify::const_new();

/// The handlers whose code waits for a flush, each with the runs whose events it handles.
static FLUSHERS: Mutex<Vec<(Identity, Vec<Uuid>)>> = Mutex::new(Vec::new());

/// Wakes the flushes in progress, if there are any, after an event was handled or lost.
///
/// A flush counts itself before it checks what is handled, and this runs after an event was handled: one of the two
/// sees the other.
#[inline]
pub(crate) fn progressed() {
    if FLUSHES.load(Ordering::SeqCst) > 0 {
        PROGRESS.notify_waiters();
    }
}

/// A flush in progress.
///
/// A handler that flushes holds up its own event, and with that what comes after it. Flushes in handlers wait for none of
/// that, otherwise they would wait for themselves and for each other.
pub(crate) struct Flushing {
    /// The entries in [`FLUSHERS`].
    own: Vec<(Identity, Vec<Uuid>)>,
}

impl Flushing {
    /// Begins a flush, perhaps in the code of handlers.
    pub(crate) fn begin() -> Self {
        FLUSHES.fetch_add(1, Ordering::SeqCst);
        let scope = Scope::current();
        let frames = scope.frame().into_iter().flat_map(|frame| frame.chain());
        let own: Vec<_> =
            frames.map(|frame| (frame.handler.clone(), frame.run_ids().collect())).collect();
        lock(&FLUSHERS).extend(own.iter().cloned());
        // Others need not wait for these handlers from now on.
        progressed();
        Self { own }
    }

    /// Whether a handler that flushes holds up what a handler has still to do in a run: it is that handler, in that run,
    /// or such handlers have all its threads.
    pub(crate) fn need_not_wait_for(&self, slot: &Slot, run_id: Uuid) -> bool {
        if self.own.is_empty() {
            return false;
        }
        let flushers = lock(&FLUSHERS);
        let mut of_handler = flushers.iter().filter(|(handler, _)| *handler == slot.identity);
        let threads = slot.threads().unwrap_or(usize::MAX);
        of_handler.clone().any(|(_, runs)| runs.contains(&run_id))
            || of_handler.nth(threads - 1).is_some()
    }

    /// Whether a handler that flushes holds up the end of a run, or the dispatch of its events.
    pub(crate) fn need_not_wait_for_run(&self, run_id: Uuid) -> bool {
        !self.own.is_empty() && lock(&FLUSHERS).iter().any(|(_, runs)| runs.contains(&run_id))
    }

    /// Waits until a condition holds, which is checked after each progress.
    pub(crate) async fn until(&self, condition: impl Fn() -> bool) {
        loop {
            let mut progress = pin!(PROGRESS.notified());
            progress.as_mut().enable();
            if condition() {
                return;
            }
            progress.await;
        }
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {
        let mut flushers = lock(&FLUSHERS);
        for own in &self.own {
            if let Some(at) = flushers.iter().position(|other| other == own) {
                flushers.swap_remove(at);
            }
        }
        FLUSHES.fetch_sub(1, Ordering::SeqCst);
    }
}
