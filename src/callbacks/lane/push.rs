//! The pushing side of a lane: whoever dispatches the run's events, and the emitter that waits.

use std::{sync::atomic::Ordering, task::Waker};

use tokio::task::AbortHandle;

use super::lane::{Lane, Queue, State};
use crate::{event::Event, sync::lock};

/// What a push asks its caller to do, after the lock is gone.
pub(crate) enum Pushed {
    Nothing,
    Start,
    Wake(Waker),
}

impl Lane {
    /// Whether the stream must wait for room.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.room.is_full()
            && self.cell.settings.waits()
            && !self.cell.is_inline()
            && !self.is_dead()
    }

    /// Has the run's task woken when there is room; `is_full` must be asked afterwards.
    pub(crate) fn want_room(&self) {
        let _queue = lock(&self.queue);
        self.room.want();
    }

    /// Takes a place in the queue, if there is one.
    pub(crate) fn reserve(&self) -> bool {
        self.room.try_take()
    }

    /// Takes a place for a token: where the stream waits for room it has waited, and the item that
    /// holds the token may overshoot.
    #[inline]
    pub(crate) fn reserve_token(&self) -> bool {
        if self.cell.settings.waits() {
            self.room.take();
            return true;
        }
        let reserved = self.room.try_take();
        if !reserved {
            lock(&self.queue).dropped_tokens += 1;
            self.cell.token_dropped();
        }
        reserved
    }

    pub(crate) fn dropped_tokens(&self) -> u64 {
        lock(&self.queue).dropped_tokens
    }

    #[inline]
    pub(crate) fn push(&self, event: Event) -> Pushed {
        let mut queue = lock(&self.queue);
        let Some(became_active) = self.add(&mut queue, event) else { return Pushed::Nothing };
        match queue.consumer.take() {
            // It may sleep though the lane is active: on an event that was to be driven, and was not.
            Some(waker) => Pushed::Wake(waker),
            None if became_active => Pushed::Start,
            None => Pushed::Nothing,
        }
    }

    /// Adds an event; tells whether the lane became active by it, or nothing if it has ended.
    #[inline]
    fn add(&self, queue: &mut Queue, event: Event) -> Option<bool> {
        if queue.state == State::Ended || self.is_dead() {
            return None;
        }
        queue.events.push_back(event);
        queue.pushed += 1;
        queue.peak = queue.peak.max(queue.events.len());
        let was_active = std::mem::replace(&mut queue.state, State::Active) == State::Active;
        if !was_active {
            self.active.store(true, Ordering::Release);
            self.cell.run_undelivered();
        }
        Some(!was_active)
    }

    /// As `push`, for an emitter that drives the lane afterwards: a sleeping drain is not woken.
    #[inline]
    pub(crate) fn push_to_drive(&self, event: Event) -> Pushed {
        let mut queue = lock(&self.queue);
        match self.add(&mut queue, event) {
            Some(true) if queue.consumer.is_none() => Pushed::Start,
            _ => Pushed::Nothing,
        }
    }

    pub(crate) fn is_unstarted(&self) -> bool {
        lock(&self.queue).state == State::Unstarted
    }

    /// Remembers the task that drains the lane, so that it can be stopped; stops it if the handler
    /// was given up on meanwhile.
    pub(crate) fn set_task(&self, task: AbortHandle) {
        let mut queue = lock(&self.queue);
        if queue.state != State::Ended && !self.is_dead() {
            queue.task = Some(task);
            return;
        }
        drop(queue);
        task.abort();
    }

    /// Whether the handler has handled all it was given; if not, the run's task is woken when it has.
    /// (The task registers itself before it asks.)
    pub(crate) fn is_drained(&self) -> bool {
        if !self.active.load(Ordering::Acquire) {
            return true;
        }
        let mut queue = lock(&self.queue);
        let drained = queue.state != State::Active;
        queue.wants_drain = !drained;
        drained
    }
}
