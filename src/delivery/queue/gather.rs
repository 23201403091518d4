//! Lanes whose events wait for those of other lanes, so that a handler that lingers is woken once for all of them.
//!
//! A push into an idle lane starts that, unless its event is urgent, and hands the lane to the executor
//! ([`Pushed::Gather`]), which has it drained when the handler's linger is over. It is cut short by a push of an urgent
//! event, or by whoever waits for the lane to be drained: they clear `gathers` under the queue's lock, and the one that
//! has cleared it tells the executor ([`Pushed::Hurry`]).
//!
//! The race: one thread pushes and then gives the lane to the executor, while another one cuts it short in between. The
//! executor reads `gathers` when it gets the lane, under its own lock, and takes that lock also when it is told to hurry.
//! If it is told before it gets the lane, `gathers` was cleared before, and the lane is drained at once. If it gets the
//! lane first, it finds it in its list when it is told. Locks order both, so that the flag itself needs no ordering.

use super::{
    lane::{Lane, Queue},
    push::Pushed,
    sizes::{BURST, SPARE},
};
use crate::{
    event::EventKind,
    sync::modelled::{atomic::Ordering, lock},
};

impl Lane {
    /// Whether an event that was pushed must not wait for others.
    #[inline]
    pub(super) fn is_urgent(&self, queue: &Queue, kind: EventKind) -> bool {
        queue.events.len() >= self.gather_most || kind.is_start() || kind.is_terminal()
    }

    /// Returns the room, in events, that the empty queue keeps: more where events gather, so that it need not grow each
    /// time.
    pub(super) fn spare(&self) -> usize {
        if self.gather_most > 0 { 4 * SPARE } else { SPARE }
    }

    /// Whether a drain that took so many events at once may find more right after, as in a burst of tokens.
    #[inline]
    pub(crate) fn is_burst(&self, taken: usize) -> bool {
        taken >= BURST.max(self.gather_most)
    }

    /// Whether the lane's events wait for those of other lanes.
    #[inline]
    pub(crate) fn gathers(&self) -> bool {
        self.gather_most > 0 && self.gathers.load(Ordering::Relaxed)
    }

    /// The linger is over. Called by the executor, which has the lane drained.
    pub(crate) fn gathered(&self) {
        self.gathers.store(false, Ordering::Relaxed);
    }

    /// Ends the gathering. Returns true if this has ended it.
    #[inline]
    pub(super) fn end_gathering(&self) -> bool {
        self.gathers() && self.gathers.swap(false, Ordering::Relaxed)
    }

    /// Cuts the gathering short, because something waits for the lane. Called after its events were seen under the
    /// queue's lock.
    #[inline]
    pub(crate) fn hurry(&self) -> Pushed {
        if !self.gathers() {
            return Pushed::Nothing;
        }
        let mut queue = lock(&self.queue);
        match (self.end_gathering(), queue.consumer.take()) {
            (false, consumer) => {
                queue.consumer = consumer;
                Pushed::Nothing
            }
            (true, Some(waker)) => Pushed::Wake(waker),
            (true, None) => Pushed::Hurry,
        }
    }
}
