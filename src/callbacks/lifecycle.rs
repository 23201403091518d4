use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use super::{Delivery, dispatch::Dispatch, inherit::Opened};
use crate::{
    event::{Event, EventData, EventKind},
    run::{Abort, Context as RunContext, Run},
};

/// A run's life: start, events, exactly one terminal, in three phases.
///
/// The one place where the phases are written. It knows neither what a terminal says nor whether a
/// stream, a body or a plain future is wrapped.
pub(crate) struct Lifecycle {
    dispatch: Arc<Dispatch>,
    /// What the inner call runs in: swapped in on each poll.
    context: RunContext,
    /// The terminal event is told.
    told: bool,
    /// The abort that ended the run.
    ended_by: Option<Abort>,
    awaited: bool,
    lockstep: bool,
}

impl Lifecycle {
    /// Starts a run: tells its start event, which is built only if somebody wants it.
    pub(crate) fn start(
        opened: Opened,
        kind: EventKind,
        start: impl FnOnce() -> EventData,
    ) -> Self {
        let Opened { run, cells, retry, .. } = opened;
        // Built first: should that panic, no handler has heard of the run.
        let wanted = cells.iter().any(|cell| cell.interests.contains(kind));
        let start = wanted.then(start);
        let context = RunContext::of(&run);
        let dispatch = Dispatch::new(run, &cells);
        let told = Self::of(dispatch, context);
        told.dispatch.post_start(start, retry);
        told
    }

    /// A run that is somewhere else: its events are told by [`relay`](Self::relay), start and terminal included.
    pub(crate) fn elsewhere(opened: Opened) -> Self {
        let Opened { run, cells, .. } = opened;
        let context = RunContext::of(&run);
        let dispatch = Dispatch::new(run, &cells);
        dispatch.relayed();
        Self::of(dispatch, context)
    }

    /// Tells an event of a run that is somewhere else.
    pub(crate) fn relay(&self, event: &Event) {
        self.dispatch.relay(event);
    }

    fn of(dispatch: Arc<Dispatch>, context: RunContext) -> Self {
        let delivery = |lane: &super::lane::Lane| lane.cell.settings.delivery;
        let awaited = dispatch.lanes().iter().any(|lane| delivery(lane).is_awaited());
        let lockstep = dispatch.lanes().iter().any(|lane| delivery(lane) == Delivery::Lockstep);
        Self { dispatch, context, told: false, ended_by: None, awaited, lockstep }
    }

    #[inline]
    pub(crate) fn run(&self) -> &Run {
        self.dispatch.run()
    }

    pub(crate) fn context(&self) -> RunContext {
        self.context.clone()
    }

    /// Calls a closure with the run as the current one.
    #[inline]
    pub(crate) fn enter<T>(&mut self, f: impl FnOnce() -> T) -> T {
        self.context.swapped(f)
    }

    #[inline]
    pub(crate) fn dispatch(&self) -> &Arc<Dispatch> {
        &self.dispatch
    }

    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        self.run().control().is_aborted()
    }

    /// Before a poll that is `Pending`: has an abort wake this task. True if there was one already.
    pub(crate) fn watch_for_abort(&self, cx: &Context<'_>) -> bool {
        self.run().control().register(cx.waker());
        self.is_aborted()
    }

    /// Whether all awaited handlers are done with what they were told.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained(|delivery| delivery.is_awaited())
    }

    fn drained(&self, which: impl Fn(Delivery) -> bool) -> bool {
        // Asked first: what another thread has yet to tell is in no lane, and may be in one when it
        // is through.
        let telling = self.dispatch.is_busy();
        if self.lockstep {
            self.dispatch.drive();
        }
        // Every lane is asked, so that each wakes the task when it is done.
        let lanes = self.dispatch.lanes().iter();
        let busy = lanes.filter(|lane| which(lane.cell.settings.delivery) && !lane.is_drained());
        busy.count() == 0 && !telling
    }

    /// Waits until all awaited handlers are done with what they were told.
    pub(crate) fn poll_drained(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.awaited && !self.dispatch.is_busy() {
            return Poll::Ready(());
        }
        self.run().control().register(cx.waker());
        if self.is_drained() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits until the handlers that an item must not overtake are done with it.
    pub(crate) fn poll_lockstep(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.must_hold_item() {
            return Poll::Ready(());
        }
        self.run().control().register(cx.waker());
        if self.must_hold_item() && !self.is_aborted() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Whether an item has to wait for handlers.
    #[inline]
    pub(crate) fn must_hold_item(&self) -> bool {
        if self.lockstep {
            !self.drained(|delivery| delivery == Delivery::Lockstep)
        } else {
            self.dispatch.is_busy()
        }
    }

    /// Waits until there is room in the queues that the stream waits for.
    #[inline]
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.awaited {
            return Poll::Ready(());
        }
        let full = || self.dispatch.lanes().iter().any(|lane| lane.is_full());
        if !full() {
            return Poll::Ready(());
        }
        self.run().control().register(cx.waker());
        self.dispatch.lanes().iter().for_each(super::lane::Lane::want_room);
        if full() && !self.is_aborted() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Ends the run in phases: waits until the tokens are drained, tells the terminal event, waits
    /// until it is handled.
    pub(crate) fn poll_end(
        &mut self,
        cx: &Context<'_>,
        terminal: impl FnOnce(&Run, Option<&Abort>) -> EventData,
    ) -> Poll<()> {
        if !self.told {
            ready!(self.poll_drained(cx));
            self.tell_end(terminal);
        }
        self.poll_drained(cx)
    }

    /// Tells the terminal event, now. Nothing if it was told.
    pub(crate) fn tell_end(&mut self, terminal: impl FnOnce(&Run, Option<&Abort>) -> EventData) {
        if self.told {
            return;
        }
        self.told = true;
        self.ended_by = self.run().control().end();
        let data = terminal(self.run(), self.ended_by.as_ref());
        self.dispatch.post(data);
    }

    /// The abort that ended the run, once.
    pub(crate) fn take_abort(&mut self) -> Option<Abort> {
        self.ended_by.take()
    }
}
