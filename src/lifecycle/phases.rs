use std::{
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    delivery::{Delivery, Dispatch, Lane},
    run::Run,
};

/// What a call waits for: its handlers, room in their queues, and an abort.
///
/// The three phases of a call are waits of its [`Emitter`](super::Emitter) on this.
pub(crate) struct Phases {
    pub(crate) dispatch: Arc<Dispatch>,
    /// There is a handler that the phases wait for.
    awaited: bool,
    /// There is a lockstep handler.
    lockstep: bool,
}

impl Phases {
    pub(crate) fn new(dispatch: Arc<Dispatch>) -> Self {
        let delivery = |lane: &Lane| lane.delivery();
        let awaited = dispatch.lanes().iter().any(|lane| delivery(lane).is_awaited());
        let lockstep = dispatch.lanes().iter().any(|lane| delivery(lane) == Delivery::Lockstep);
        Self { dispatch, awaited, lockstep }
    }

    #[inline]
    pub(crate) fn run(&self) -> &Run {
        self.dispatch.run()
    }

    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        self.run().control().is_aborted()
    }

    /// Before a poll returns `Pending`: wakes this task when the run is aborted. Returns true if it already is.
    ///
    /// This registers the waker and then reads the abort; `Control::abort` stores the abort and then wakes. One of the
    /// two sees the other.
    pub(crate) fn watch_for_abort(&self, cx: &Context<'_>) -> bool {
        self.run().control().register(cx.waker());
        self.is_aborted()
    }

    /// Whether all awaited handlers have finished every event.
    pub(crate) fn is_drained(&self) -> bool {
        self.are_drained(Delivery::is_awaited)
    }

    fn are_drained(&self, which: impl Fn(Delivery) -> bool) -> bool {
        if self.lockstep {
            self.dispatch.drive();
        }
        self.dispatch.are_drained(which)
    }

    /// Waits until all awaited handlers have finished every event.
    pub(crate) fn poll_drained(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.awaited && !self.dispatch.is_busy() {
            return Poll::Ready(());
        }
        self.run().control().register(cx.waker());
        if self.is_drained() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits until an item may go to the consumer, or the run is aborted.
    pub(crate) fn poll_lockstep(&self, cx: &Context<'_>) -> Poll<()> {
        // Once the terminal event is emitted, the item's tokens are handled. The terminal event does not hold it.
        let waits = || self.must_hold_item() && !self.run().has_ended();
        if !waits() {
            return Poll::Ready(());
        }
        self.run().control().register(cx.waker());
        if waits() && !self.is_aborted() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Whether there is a handler that the phases wait for.
    #[inline]
    pub(crate) fn awaits(&self) -> bool {
        self.awaited
    }

    /// Whether an item has to wait for handlers before the consumer gets it.
    #[inline]
    pub(crate) fn must_hold_item(&self) -> bool {
        if self.lockstep {
            !self.are_drained(|delivery| delivery == Delivery::Lockstep)
        } else {
            self.dispatch.is_busy()
        }
    }

    /// Waits until there is room in the queues that the stream waits for, or the run is aborted.
    #[inline]
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.awaited {
            return Poll::Ready(());
        }
        let full = || self.dispatch.lanes().iter().any(Lane::is_full);
        if !full() {
            return Poll::Ready(());
        }
        self.run().control().register(cx.waker());
        self.dispatch.lanes().iter().for_each(Lane::want_room);
        if full() && !self.is_aborted() { Poll::Pending } else { Poll::Ready(()) }
    }
}
