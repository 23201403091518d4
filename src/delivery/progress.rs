//! What flushes wait for, and which handlers flush.

use std::{
    future::poll_fn,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};

use slab::Slab;
use uuid::Uuid;

use super::Slot;
use crate::{
    run::{Identity, Scope},
    sync::lock,
};

/// The number of flushes in progress, readable without the lock.
static COUNT: AtomicUsize = AtomicUsize::new(0);
static FLUSHES: Mutex<Slab<InProgress>> = Mutex::new(Slab::new());

struct InProgress {
    /// The handlers whose code waits for it, each with the runs whose events it handles.
    handlers: Vec<(Identity, Vec<Uuid>)>,
    look: Option<Arc<Look>>,
}

/// A look of a flush at what is handled, after which it waits.
struct Look {
    waker: Waker,
    is_woken: AtomicBool,
}

/// Wakes the flushes in progress, if there are any, after an event was handled or lost.
///
/// A flush counts itself before it checks what is handled, and this runs after an event was handled: one of the two
/// sees the other.
#[inline]
pub(crate) fn progressed() {
    if COUNT.load(Ordering::SeqCst) > 0 {
        wake();
    }
}

/// When this returns, each flush has been woken since its look. A waker that another thread has, but has not called yet,
/// would not do: a runtime whose clock is paused would find all its tasks waiting, and its clock would run ahead.
#[cold]
fn wake() {
    let is_asleep = |look: &Arc<Look>| !look.is_woken.load(Ordering::Acquire);
    let looks: Vec<_> = {
        let flushes = lock(&FLUSHES);
        let looks = flushes.iter().filter_map(|(_, flush)| flush.look.as_ref());
        looks.filter(|look| is_asleep(look)).cloned().collect()
    };
    // Without the lock, as a waker may take one of its executor.
    for look in looks {
        look.waker.wake_by_ref();
        look.is_woken.store(true, Ordering::Release);
    }
}

/// A flush in progress.
///
/// A handler that flushes holds up its own event, and with that what comes after it. Flushes in handlers wait for none of
/// that, otherwise they would wait for themselves and for each other.
pub(crate) struct Flushing {
    /// The place in [`FLUSHES`].
    key: usize,
    in_handler: bool,
}

impl Flushing {
    /// Begins a flush, perhaps in the code of handlers.
    pub(crate) fn begin() -> Self {
        COUNT.fetch_add(1, Ordering::SeqCst);
        let scope = Scope::current();
        let frames = scope.frame().into_iter().flat_map(|frame| frame.chain());
        let handlers: Vec<_> =
            frames.map(|frame| (frame.handler.clone(), frame.run_ids().collect())).collect();
        let in_handler = !handlers.is_empty();
        let key = lock(&FLUSHES).insert(InProgress { handlers, look: None });
        if in_handler {
            // Others need not wait for these handlers from now on.
            progressed();
        }
        Self { key, in_handler }
    }

    /// Whether a handler that flushes holds up what a handler has still to do in a run: it is that handler, in that run,
    /// or such handlers have all its threads.
    pub(crate) fn need_not_wait_for(&self, slot: &Slot, run_id: Uuid) -> bool {
        if !self.in_handler {
            return false;
        }
        let flushes = lock(&FLUSHES);
        let mut of_handler = flushers(&flushes).filter(|(handler, _)| *handler == slot.identity);
        let threads = slot.threads().unwrap_or(usize::MAX);
        of_handler.clone().any(|(_, runs)| runs.contains(&run_id))
            || of_handler.nth(threads - 1).is_some()
    }

    /// Whether a handler that flushes holds up the end of a run, or the dispatch of its events.
    pub(crate) fn need_not_wait_for_run(&self, run_id: Uuid) -> bool {
        self.in_handler && flushers(&lock(&FLUSHES)).any(|(_, runs)| runs.contains(&run_id))
    }

    /// Waits until a condition holds, which is checked after each progress.
    pub(crate) async fn until(&self, condition: impl Fn() -> bool) {
        poll_fn(|cx| {
            let is_met = condition() || {
                self.look(cx.waker().clone());
                condition()
            };
            if is_met { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn look(&self, waker: Waker) {
        let look = Some(Arc::new(Look { waker, is_woken: AtomicBool::new(false) }));
        // Dropped after the lock is released: it may be the last reference to a task.
        let _former = mem::replace(&mut lock(&FLUSHES)[self.key].look, look);
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {
        let _flush = lock(&FLUSHES).try_remove(self.key);
        COUNT.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Returns the handlers whose code waits for flushes, with the runs whose events they handle.
fn flushers(flushes: &Slab<InProgress>) -> impl Iterator<Item = &(Identity, Vec<Uuid>)> + Clone {
    flushes.iter().flat_map(|(_, flush)| &flush.handlers)
}
