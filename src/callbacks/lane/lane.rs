use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use tokio::{runtime::Handle, task::AbortHandle};

use super::room::Room;
use crate::{
    callbacks::{Delivery, cell::Cell, dispatch::Dispatch, driver::Driver, registration::Code},
    event::{Event, EventKind},
    run::{Context as RunContext, Inside, Run, RunType},
    sync::lock,
};

/// The way of one run's events to one handler: an ordered queue, and how far the handler is.
///
/// One side pushes (whoever dispatches the run's events), one side drains (a task, or one thread at a
/// time). Inline lanes use only `dead`.
pub(crate) struct Lane {
    pub(crate) cell: Arc<Cell>,
    runtime: Option<Handle>,
    run_type: RunType,
    context: RunContext,
    /// Of lockstep lanes to async handlers.
    driver: Option<Box<Driver>>,
    pub(super) dead: AtomicBool,
    /// Whether there are events, queued or in the handler's hands: `State::Active`, to look at without
    /// the lock.
    pub(super) active: AtomicBool,
    pub(super) room: Room,
    pub(super) queue: Mutex<Queue>,
}

#[derive(Default)]
pub(super) struct Queue {
    pub(super) events: VecDeque<Event>,
    /// How many events it held at most since it was last empty.
    pub(super) peak: usize,
    pub(super) pushed: u64,
    pub(super) dropped_tokens: u64,
    pub(super) state: State,
    /// The emitter waits for the lane to be drained.
    pub(super) wants_drain: bool,
    pub(super) consumer: Option<Waker>,
    pub(super) task: Option<AbortHandle>,
    pub(super) watch_key: Option<u32>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
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

impl Lane {
    pub(crate) fn new(cell: Arc<Cell>, runtime: Option<Handle>, run: &Run) -> Self {
        let inside = Inside { handler: cell.identity(), outer: run.inside().cloned() };
        let lockstep = cell.settings.delivery == Delivery::Lockstep;
        let is_driven = lockstep && matches!(cell.code, Code::Asynchronous(_));
        let room = Room::new(cell.settings.capacity);
        Self {
            cell,
            runtime,
            run_type: run.run_type(),
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
        self.cell.interests.contains_in(kind, self.run_type) && !self.is_dead()
    }

    /// Whether the handler was given up on in this run.
    #[inline]
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    pub(crate) fn driver(&self) -> Option<&Driver> {
        self.driver.as_deref()
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
    pub(crate) dispatch: Arc<Dispatch>,
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
