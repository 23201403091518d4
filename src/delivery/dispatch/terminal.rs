//! Emits a run's terminal event when the handlers that it waits for have drained.

use std::sync::{Arc, atomic::Ordering};

use super::dispatch::{Dispatch, Terminal};
use crate::{
    delivery::{Delivery, progress::progressed},
    sync::lock,
};

impl Dispatch {
    /// Leaves the terminal event to whoever drains last. Emits it now if the awaited handlers have drained.
    ///
    /// The race: this sets `is_ending` and then looks at the lanes; a drain ends its lane's activity and then looks at
    /// `is_ending`. Both look at a lane's activity under its lock. If this sees the lane active, the drain takes the lock
    /// later, and sees `is_ending`. If two drains end at once, the one that takes a lock later sees the other's lane
    /// inactive. Whoever takes the event out of its lock emits it.
    pub(crate) fn leave_terminal(self: &Arc<Self>, terminal: impl Terminal + 'static) {
        lock(&self.backlog).terminal = Some(Box::new(terminal));
        self.is_ending.store(true, Ordering::Release);
        self.settled();
    }

    /// Whether a terminal event waits for handlers.
    #[inline]
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Acquire)
    }

    /// Emits the terminal event that was left, if awaited handlers have drained.
    ///
    /// Called whenever the awaited handlers may have drained: when a drain has nothing left, when a handler is detached,
    /// and when the dispatching thread is through.
    #[inline]
    pub(crate) fn settled(self: &Arc<Self>) {
        if self.is_ending() && self.are_drained(Delivery::is_awaited) {
            self.emit_terminal();
        }
    }

    /// Emits the terminal event that was left, whether or not handlers have drained.
    pub(crate) fn emit_terminal(self: &Arc<Self>) {
        let Some(terminal) = lock(&self.backlog).terminal.take() else { return };
        let abort = self.run().control().end();
        let event = terminal.emit(self.run(), abort.as_ref());
        self.enqueue(event);
        self.is_ending.store(false, Ordering::Release);
        // The run's task may wait for the end, and a flush for its event.
        self.run().control().wake();
        progressed();
    }
}
