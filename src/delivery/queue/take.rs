//! The draining side of a lane: a task, or one thread at a time.

use std::{
    collections::VecDeque,
    iter,
    task::{Context, Poll},
};

use tokio::task::AbortHandle;

use super::{
    lane::{Lane, LaneState, Queue},
    sizes::BATCH,
};
use crate::{
    delivery::progress::progressed,
    event::{Event, EventKind},
    run::Control,
    sync::modelled::{MutexGuard, atomic::Ordering, lock},
};

/// What a detached handler leaves behind.
pub(crate) struct Detached {
    pub(crate) lost: u64,
    pub(crate) task: Option<AbortHandle>,
    pub(crate) events: VecDeque<Event>,
    /// The lane was given to the executor, to wait there.
    pub(crate) gathered: bool,
}

impl Lane {
    /// Takes the next events, at most so many. Without any, the lane becomes idle, and false is returned.
    pub(crate) fn take(&self, batch: &mut VecDeque<Event>, most: usize, control: &Control) -> bool {
        self.take_or(batch, most, control, |_| {})
    }

    /// Takes the next events. Without any, the lane becomes idle, and the task is woken when there are.
    #[inline]
    pub(crate) fn poll_take(
        &self,
        batch: &mut VecDeque<Event>,
        control: &Control,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let taken = self.take_or(batch, BATCH, control, |queue| {
            if queue.consumer.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                queue.consumer = Some(cx.waker().clone());
            }
        });
        if taken { Poll::Ready(()) } else { Poll::Pending }
    }

    #[inline]
    fn take_or(
        &self,
        batch: &mut VecDeque<Event>,
        most: usize,
        control: &Control,
        or: impl FnOnce(&mut Queue),
    ) -> bool {
        let mut queue = lock(&self.queue);
        if self.is_detached() {
            return false;
        }
        let wake = self.room.is_wanted();
        if !queue.events.is_empty() {
            // A task may be polled for another reason.
            self.end_gathering();
            let count = queue.events.len().min(most);
            // One by one: cheaper than `drain` for one or two events, the usual number.
            for event in iter::from_fn(|| queue.events.pop_front()).take(count) {
                batch.push_back(event);
            }
            drop(queue);
            if wake {
                control.wake();
            }
            return true;
        }
        queue.wants_drain |= wake;
        or(&mut queue);
        if queue.state == LaneState::Active {
            let spare = self.spare();
            if std::mem::take(&mut queue.peak) <= spare && queue.events.capacity() > spare {
                // After a burst, a run that waits for its next token holds little memory.
                queue.events = VecDeque::with_capacity(1);
            }
            queue.state = LaneState::Idle;
            self.settled(queue, control);
        } else if std::mem::take(&mut queue.wants_drain) {
            drop(queue);
            control.wake();
        }
        false
    }

    /// Whether there seem to be events, read without the lock.
    pub(crate) fn looks_ready(&self) -> bool {
        self.room.waiting() > 0
    }

    /// Frees the place of an event in the queue, when the handler begins it.
    #[inline]
    pub(crate) fn begin(&self, kind: EventKind, control: &Control) {
        if !kind.is_start() && !kind.is_terminal() && self.room.free() {
            control.wake();
        }
    }

    /// Counts an event that the handler has finished.
    ///
    /// A success is noted before a flush can see the event as handled: the next run may start right after that. A handler
    /// that returns after it was detached, because it was late, has no success.
    #[inline]
    pub(crate) fn finish_one(&self, kind: EventKind) {
        if kind.is_terminal() && !self.is_detached() {
            self.slot.suspension.succeeded();
        }
        self.room.finish();
        progressed();
    }

    /// Ends the lane: the handler has finished the terminal event, or is detached. Returns the lane's key in the
    /// watch, the first time.
    pub(crate) fn end(&self, control: &Control) -> Option<u32> {
        let mut queue = lock(&self.queue);
        if queue.state == LaneState::Ended {
            return None;
        }
        let was = std::mem::replace(&mut queue.state, LaneState::Ended);
        queue.task = None;
        let watch_key = queue.watch_key.take();
        if was == LaneState::Active {
            self.settled(queue, control);
        }
        watch_key
    }

    /// Detaches the handler from this run. `None` if the lane has ended, or the handler was detached before.
    ///
    /// An active lane stays active until [`end`](Self::end).
    pub(crate) fn detach(&self) -> Option<Detached> {
        let mut queue = lock(&self.queue);
        if queue.state == LaneState::Ended || self.detached.swap(true, Ordering::AcqRel) {
            return None;
        }
        queue.consumer = None;
        Some(Detached {
            lost: queue.pushed - self.room.finished(),
            task: queue.task.take(),
            events: std::mem::take(&mut queue.events),
            gathered: self.end_gathering(),
        })
    }

    /// Marks the lane as inactive. Wakes the run's task and a flush, after the lock is released.
    ///
    /// `finish_one` may have missed a flush that began at that moment. That flush reads the lane's state under the
    /// lock: it sees the lane inactive, or it began before this and is woken here.
    fn settled(&self, mut queue: MutexGuard<'_, Queue>, control: &Control) {
        self.active.store(false, Ordering::Release);
        self.slot.run_delivered();
        let wake = std::mem::take(&mut queue.wants_drain);
        drop(queue);
        progressed();
        if wake {
            control.wake();
        }
    }
}
