//! The draining side of a lane: a task, or one thread at a time.

use std::{
    collections::VecDeque,
    iter,
    sync::{MutexGuard, atomic::Ordering},
    task::{Context, Poll},
};

use tokio::task::AbortHandle;

use super::lane::{Lane, Queue, State};
use crate::{
    event::{Event, EventKind},
    run::Control,
    sync::lock,
};

/// For how many events a queue or batch keeps room while it is empty.
pub(crate) const SPARE: usize = 2;

/// How many events a drain takes at once.
pub(crate) const BATCH: usize = 64;

/// What was lost when a lane was given up.
pub(crate) struct GivenUp {
    pub(crate) lost: u64,
    pub(crate) task: Option<AbortHandle>,
    pub(crate) events: VecDeque<Event>,
}

impl Lane {
    /// Takes the next events. If there are none, the lane becomes idle.
    pub(crate) fn take(&self, batch: &mut VecDeque<Event>, control: &Control) -> bool {
        self.take_or(batch, control, |_| {})
    }

    /// Takes the next events; if there are none, the lane becomes idle and the task is woken when
    /// there are.
    #[inline]
    pub(crate) fn poll_take(
        &self,
        batch: &mut VecDeque<Event>,
        control: &Control,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let taken = self.take_or(batch, control, |queue| {
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
        control: &Control,
        or: impl FnOnce(&mut Queue),
    ) -> bool {
        let mut queue = lock(&self.queue);
        if self.is_dead() {
            return false;
        }
        let wake = self.room.is_wanted();
        if !queue.events.is_empty() {
            let count = queue.events.len().min(BATCH);
            // One by one: cheaper than `drain` for the one or two that there mostly are.
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
        if queue.state == State::Active {
            if std::mem::take(&mut queue.peak) <= SPARE && queue.events.capacity() > SPARE {
                // A burst is over: a run that waits for its next token holds little memory.
                queue.events = VecDeque::with_capacity(1);
            }
            queue.state = State::Idle;
            self.settled(queue, control);
        } else if std::mem::take(&mut queue.wants_drain) {
            drop(queue);
            control.wake();
        }
        false
    }

    /// Whether there seem to be events, without taking the lock.
    pub(crate) fn looks_ready(&self) -> bool {
        self.room.waiting() > 0
    }

    /// The handler begins an event: its place in the queue is free.
    #[inline]
    pub(crate) fn begin(&self, kind: EventKind, control: &Control) {
        if !kind.is_start() && !kind.is_terminal() && self.room.free() {
            control.wake();
        }
    }

    /// The handler is done with an event.
    #[inline]
    pub(crate) fn finish_one(&self) {
        self.room.finish();
        self.cell.progressed();
    }

    /// The handler is done with the terminal event, or was given up on. Gives the lane's key in the
    /// watch.
    pub(crate) fn end(&self, control: &Control) -> Option<u32> {
        let mut queue = lock(&self.queue);
        if queue.state == State::Ended {
            return None;
        }
        let was = std::mem::replace(&mut queue.state, State::Ended);
        queue.task = None;
        let watch_key = queue.watch_key.take();
        if was == State::Active {
            self.settled(queue, control);
        }
        watch_key
    }

    /// Gives up on the handler in this run; nothing if it had ended. It still counts as active, if it
    /// was, until [`end`](Self::end).
    pub(crate) fn give_up(&self) -> Option<GivenUp> {
        let mut queue = lock(&self.queue);
        if queue.state == State::Ended || self.dead.swap(true, Ordering::AcqRel) {
            return None;
        }
        queue.consumer = None;
        Some(GivenUp {
            lost: queue.pushed - self.room.finished(),
            task: queue.task.take(),
            events: std::mem::take(&mut queue.events),
        })
    }

    /// The lane is not active any more. Wakes the run's task, and tells a flush, when the lock is gone.
    ///
    /// A flush that begins while the last event is finished may have been missed there; here it is
    /// not, for it looks under the lock.
    fn settled(&self, mut queue: MutexGuard<'_, Queue>, control: &Control) {
        self.active.store(false, Ordering::Release);
        self.cell.run_delivered();
        let wake = std::mem::take(&mut queue.wants_drain);
        drop(queue);
        self.cell.progressed();
        if wake {
            control.wake();
        }
    }
}
