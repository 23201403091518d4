//! The pushing side of a lane: the thread that dispatches the run's events, and the emitter that waits.

use std::task::Waker;

use tokio::task::AbortHandle;

use super::lane::{Lane, LaneState, Queue};
use crate::{
    event::Event,
    sync::modelled::{atomic::Ordering, lock},
};

/// What the caller of a push does after it, without the lock.
pub(crate) enum Pushed {
    Nothing,
    Start,
    /// The lane waits for the events of others. The executor ends that when the handler's linger is over.
    Gather,
    /// What waits for the events of others must not wait any more.
    Hurry,
    Wake(Waker),
}

impl Lane {
    /// Whether the stream must wait for room.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.room.is_full() && self.waits() && !self.slot.is_inline() && !self.is_detached()
    }

    /// Wakes the run's task when there is room. The caller checks `is_full` afterwards: see [`Room::free`].
    pub(crate) fn want_room(&self) {
        let _queue = lock(&self.queue);
        self.room.want();
    }

    /// Reserves a place in the queue, if there is one.
    pub(crate) fn reserve(&self) -> bool {
        self.room.try_take()
    }

    /// Reserves a place for a token. A stream that waits for room has waited, and an item of several tokens may
    /// exceed the capacity.
    #[inline]
    pub(crate) fn reserve_token(&self) -> bool {
        if self.waits() {
            self.room.take();
            return true;
        }
        let reserved = self.room.try_take();
        if !reserved {
            lock(&self.queue).dropped_tokens += 1;
            self.slot.token_dropped();
        }
        reserved
    }

    pub(crate) fn dropped_tokens(&self) -> u64 {
        lock(&self.queue).dropped_tokens
    }

    #[inline]
    pub(crate) fn push(&self, event: Event) -> Pushed {
        let kind = event.kind();
        let mut queue = lock(&self.queue);
        let Some(became_active) = self.add(&mut queue, event) else { return Pushed::Nothing };
        if !self.is_urgent(&queue, kind) {
            // A drain that is a task is parked, or has still to be started: then there is nothing to save.
            if became_active && (!self.slot.is_async() || queue.consumer.is_some()) {
                self.gathers.store(true, Ordering::Relaxed);
                return Pushed::Gather;
            }
            if self.gathers() {
                return Pushed::Nothing;
            }
        }
        let gathered = self.end_gathering();
        match queue.consumer.take() {
            // The drain may be parked although the lane is active: `push_to_drive` queues without waking it, and
            // expects the emitter to poll it.
            Some(waker) => Pushed::Wake(waker),
            None if became_active => Pushed::Start,
            None if gathered => Pushed::Hurry,
            None => Pushed::Nothing,
        }
    }

    /// Adds an event. Returns whether the lane became active by it, or `None` if the lane has ended.
    #[inline]
    fn add(&self, queue: &mut Queue, event: Event) -> Option<bool> {
        if queue.state == LaneState::Ended || self.is_detached() {
            return None;
        }
        queue.events.push_back(event);
        queue.pushed += 1;
        queue.peak = queue.peak.max(queue.events.len());
        Some(self.become_active(queue))
    }

    /// Returns whether the lane was not active before.
    #[inline]
    fn become_active(&self, queue: &mut Queue) -> bool {
        let was_active =
            std::mem::replace(&mut queue.state, LaneState::Active) == LaneState::Active;
        if !was_active {
            self.active.store(true, Ordering::Release);
            self.slot.run_undelivered();
        }
        !was_active
    }

    /// As `push`, for an emitter that drives the lane afterwards: a parked drain is not woken.
    #[inline]
    pub(crate) fn push_to_drive(&self, event: Event) -> Pushed {
        let mut queue = lock(&self.queue);
        match self.add(&mut queue, event) {
            Some(true) if queue.consumer.is_none() => Pushed::Start,
            _ => Pushed::Nothing,
        }
    }

    /// The drain keeps an event that it was handed over: the handler waits. Called before anybody else polls the drain.
    pub(crate) fn kept(&self) {
        let mut queue = lock(&self.queue);
        if queue.state != LaneState::Ended && !self.is_detached() {
            queue.pushed += 1;
            self.become_active(&mut queue);
        }
    }

    /// Counts an event that the handler was handed over, and that it failed to handle.
    pub(crate) fn failed_to_handle(&self) {
        lock(&self.queue).pushed += 1;
    }

    pub(crate) fn is_unstarted(&self) -> bool {
        lock(&self.queue).state == LaneState::Unstarted
    }

    /// Keeps the task that drains the lane, to abort it when the handler is detached. Aborts it at once if that has
    /// happened.
    pub(crate) fn set_task(&self, task: AbortHandle) {
        let mut queue = lock(&self.queue);
        if queue.state != LaneState::Ended && !self.is_detached() {
            queue.task = Some(task);
            return;
        }
        drop(queue);
        task.abort();
    }

    /// Whether the handler has finished every event that was pushed. If not, the run's task is woken when it has.
    ///
    /// The task registers itself before it calls this. `settled` clears `active` before it reads `wants_drain` under
    /// the lock: either this sees the lane inactive, or `settled` sees `wants_drain`.
    pub(crate) fn is_drained(&self) -> bool {
        if !self.active.load(Ordering::Acquire) {
            return true;
        }
        let mut queue = lock(&self.queue);
        let drained = queue.state != LaneState::Active;
        queue.wants_drain = !drained;
        drained
    }
}
