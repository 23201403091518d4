use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
    task::{Poll, Waker},
};

use tokio::{runtime::Handle, task::AbortHandle};

use super::{room::Room, sizes};
use crate::{
    delivery::{Delivery, Hooks, Overflow, Slot},
    event::{Event, EventKind},
    run::{Run, RunType, Scope},
    sync::modelled::{
        Mutex,
        atomic::{AtomicBool, AtomicU8, Ordering},
        lock,
    },
};

/// The queue of one run's events to one handler, and how far the handler is.
///
/// One side pushes: the thread that dispatches the run's events. One side drains: a task, or one thread at a time.
/// Lanes of inline handlers use only `detached`.
pub(crate) struct Lane {
    pub(crate) slot: Arc<Slot>,
    pub(crate) hooks: Hooks,
    runtime: Option<Handle>,
    run_type: RunType,
    scope: Scope,
    /// The handler is suspended, and the run probes it.
    is_probe: bool,
    /// Set once the drain of a driven lane has started.
    driver: OnceLock<Arc<dyn Drive>>,
    /// The [number](EventKind::number) of the kind of event that an inline or async handler was called with last.
    called: AtomicU8,
    pub(super) detached: AtomicBool,
    /// Whether the state is `Active`, readable without the lock.
    pub(super) active: AtomicBool,
    /// The events wait to be handled together with those of other lanes: see [`gather`](super::gather).
    pub(super) gathers: AtomicBool,
    /// The number of queued events that cuts gathering short. 0 if the handler does not linger.
    pub(super) gather_most: usize,
    pub(super) room: Room,
    pub(super) queue: Mutex<Queue>,
}

const NEVER: u8 = u8::MAX;

/// A drain that the stream polls itself, because it waits for the handler in any case.
pub(crate) trait Drive: Send + Sync {
    fn drive(&self) -> Poll<()>;

    /// Polls the drain of an idle lane with an event that does not go through the queue.
    fn hand_over(&self, event: Box<Event>, lane: &Lane) -> HandedOver;
}

/// What became of an event that was handed over.
pub(crate) enum HandedOver {
    /// The handler has returned. The event can be used again.
    Handled(Box<Event>),
    /// The handler waits, or has failed.
    Kept,
    /// The drain takes no event now.
    Refused,
}

#[derive(Default)]
pub(super) struct Queue {
    pub(super) events: VecDeque<Event>,
    /// The most events that it held since it was last empty.
    pub(super) peak: usize,
    pub(super) pushed: u64,
    pub(super) dropped_tokens: u64,
    pub(super) state: LaneState,
    /// The emitter waits for the lane to be drained.
    pub(super) wants_drain: bool,
    pub(super) consumer: Option<Waker>,
    pub(super) task: Option<AbortHandle>,
    pub(super) watch_key: Option<u32>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum LaneState {
    /// Nothing was pushed yet.
    #[default]
    Unstarted,
    /// Every event that was pushed is handled.
    Idle,
    /// There are events, queued or in the handler's hands.
    Active,
    /// The terminal event is handled, or the handler is detached.
    Ended,
}

impl Lane {
    pub(crate) fn new(
        slot: Arc<Slot>,
        hooks: Hooks,
        runtime: Option<Handle>,
        run: &Run,
        is_probe: bool,
    ) -> Self {
        let (room, scope) = (Room::new(slot.settings.capacity), slot.scope_in(run));
        let gather_most = sizes::gather_most(&slot.settings);
        let events = VecDeque::with_capacity(usize::from(!slot.is_inline()));
        Self {
            slot,
            hooks,
            runtime,
            run_type: run.run_type(),
            scope,
            is_probe,
            driver: OnceLock::new(),
            called: AtomicU8::new(NEVER),
            detached: AtomicBool::new(false),
            active: AtomicBool::new(false),
            gathers: AtomicBool::new(false),
            gather_most,
            room,
            queue: Mutex::new(Queue { events, ..Queue::default() }),
        }
    }

    pub(crate) fn runtime(&self) -> Option<&Handle> {
        self.runtime.as_ref()
    }

    /// Returns the scope of the handler's code: no current run, and calls in it do not notify the handler.
    pub(crate) fn scope(&self) -> Scope {
        self.scope.clone()
    }

    pub(crate) fn set_watch_key(&self, key: u32) {
        lock(&self.queue).watch_key = Some(key);
    }

    pub(crate) fn wants(&self, kind: EventKind) -> bool {
        self.slot.event_mask.wants_in(kind, self.run_type) && !self.is_detached()
    }

    /// Returns the delivery in this run: nothing waits for a handler that is probed.
    #[inline]
    pub(crate) fn delivery(&self) -> Delivery {
        match self.slot.settings.delivery {
            Delivery::Pipelined | Delivery::Lockstep if self.is_probe => Delivery::Background,
            delivery => delivery,
        }
    }

    pub(crate) fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// Whether the stream polls the handler's futures itself.
    pub(crate) fn is_driven(&self) -> bool {
        self.slot.is_async() && self.delivery() == Delivery::Lockstep
    }

    /// Whether the stream waits for room in the queue.
    pub(crate) fn waits(&self) -> bool {
        self.delivery().is_awaited() && self.slot.settings.overflow == Overflow::Wait
    }

    /// Whether the handler is detached from this run.
    #[inline]
    pub(crate) fn is_detached(&self) -> bool {
        self.detached.load(Ordering::Acquire)
    }

    /// Notes which kind of event an inline or async handler is called with. Whoever calls it asks for it.
    #[inline]
    pub(crate) fn calls(&self, kind: EventKind) {
        self.called.store(kind.number(), Ordering::Relaxed);
    }

    /// Whether an inline or async handler was called.
    pub(crate) fn was_called(&self) -> bool {
        self.called.load(Ordering::Relaxed) != NEVER
    }

    /// Returns the kind of event that an inline or async handler was called with last.
    pub(crate) fn called_with(&self) -> EventKind {
        EventKind::of_number(self.called.load(Ordering::Relaxed))
    }

    /// Whether there are events that are not handled.
    #[inline]
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Sets the drain that the stream polls. Called once, when the drain starts.
    pub(crate) fn set_driver(&self, driver: Arc<dyn Drive>) {
        let _ = self.driver.set(driver);
    }

    pub(crate) fn driver(&self) -> Option<&dyn Drive> {
        self.driver.get().map(|driver| &**driver)
    }

    /// Returns how many events were pushed, and how many of them the handler has finished.
    pub(crate) fn progress(&self) -> Progress {
        let queue = lock(&self.queue);
        Progress {
            active: queue.state == LaneState::Active,
            gathers: self.gathers(),
            pushed: queue.pushed,
            finished: self.room.finished(),
        }
    }
}

/// How far a handler is in a run.
pub(crate) struct Progress {
    pub(crate) active: bool,
    /// The events are there, but the handler does not have to begin yet.
    pub(crate) gathers: bool,
    pub(crate) pushed: u64,
    pub(crate) finished: u64,
}
