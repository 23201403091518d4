use std::{
    collections::VecDeque,
    iter,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use tokio::{runtime::Handle, task::AbortHandle};

use super::{Delivery, cell::Cell, driver::Driver, handler::Code, room::Room};
use crate::{
    event::{Event, EventKind},
    run::{Context as RunContext, Control, Inside, Run},
    sync::lock,
};

/// For how many events a queue or batch keeps room while it is empty.
pub(crate) const SPARE: usize = 2;

/// How many events a drain takes at once.
pub(crate) const BATCH: usize = 64;

/// The way of one run's events to one handler: an ordered queue, and how far the handler is.
///
/// One side pushes (whoever dispatches the run's events), one side drains (a task, or one thread at a
/// time). Inline lanes use only `dead`.
pub(crate) struct Lane {
    pub(crate) cell: Arc<Cell>,
    runtime: Option<Handle>,
    context: RunContext,
    /// Of lockstep lanes to async handlers.
    driver: Option<Box<Driver>>,
    dead: AtomicBool,
    /// Whether there are events, queued or in the handler's hands: `State::Active`, to look at without
    /// the lock.
    active: AtomicBool,
    room: Room,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    /// How many events it held at most since it was last empty.
    peak: usize,
    pushed: u64,
    dropped_tokens: u64,
    state: State,
    /// The emitter waits for the lane to be drained.
    wants_drain: bool,
    consumer: Option<Waker>,
    task: Option<AbortHandle>,
    watch_key: Option<u32>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was pushed yet.
    #[default]
    Unstarted,
    /// Everything that was pushed is handled.
    Idle,
    /// There are events, queued or in the handler's hands.
    Active,
    /// The terminal event is handled, or the handler was given up on.
    Ended,
}

/// What a push asks its caller to do, after the lock is gone.
pub(crate) enum Pushed {
    Nothing,
    Start,
    Wake(Waker),
}

/// What was lost when a lane was given up.
pub(crate) struct GivenUp {
    pub(crate) lost: u64,
    pub(crate) task: Option<AbortHandle>,
    pub(crate) events: VecDeque<Event>,
}

impl Lane {
    pub(crate) fn new(
        cell: Arc<Cell>,
        runtime: Option<Handle>,
        outer: Option<&Arc<Inside>>,
    ) -> Self {
        let inside = Inside { handler: cell.identity(), outer: outer.cloned() };
        let lockstep = cell.settings.delivery == Delivery::Lockstep;
        let is_driven = lockstep && matches!(cell.code, Code::Asynchronous(_));
        let room = Room::new(cell.settings.capacity);
        Self {
            cell,
            runtime,
            context: RunContext::Handler(Arc::new(inside)),
            driver: is_driven.then(|| Box::new(Driver::new())),
            dead: AtomicBool::new(false),
            active: AtomicBool::new(false),
            room,
            queue: Mutex::new(Queue { events: VecDeque::with_capacity(1), ..Queue::default() }),
        }
    }

    pub(crate) fn runtime(&self) -> Option<&Handle> {
        self.runtime.as_ref()
    }

    /// What the handler's code runs in: no current run, and calls that it makes do not tell itself.
    pub(crate) fn context(&self) -> RunContext {
        self.context.clone()
    }

    pub(crate) fn set_watch_key(&self, key: u32) {
        lock(&self.queue).watch_key = Some(key);
    }

    pub(crate) fn wants(&self, kind: EventKind) -> bool {
        self.cell.interests.contains(kind) && !self.is_dead()
    }

    /// Whether the handler was given up on in this run.
    #[inline]
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    // --- the pushing side ---

    pub(crate) fn driver(&self) -> Option<&Driver> {
        self.driver.as_deref()
    }

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

    /// How many events were pushed, and how many of them the handler is done with.
    pub(crate) fn progress(&self) -> Progress {
        let queue = lock(&self.queue);
        Progress {
            active: queue.state == State::Active,
            pushed: queue.pushed,
            finished: self.room.finished(),
        }
    }

    // --- the draining side ---

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

/// How far a handler is in a run.
pub(crate) struct Progress {
    pub(crate) active: bool,
    pub(crate) pushed: u64,
    pub(crate) finished: u64,
}

/// A lane of a run, held by whoever drains it.
#[derive(Clone)]
pub(crate) struct LaneRef {
    pub(crate) dispatch: Arc<super::dispatch::Dispatch>,
    pub(crate) index: usize,
}

impl LaneRef {
    pub(crate) fn lane(&self) -> &Lane {
        self.dispatch.lane(self.index)
    }

    pub(crate) fn run(&self) -> &Run {
        self.dispatch.run()
    }
}
