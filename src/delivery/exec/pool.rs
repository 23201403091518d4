//! The worker threads of a blocking handler, which take turns with the runs that have events for it.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{delivery::LaneRef, paused_clock::PausedClock, sync::lock};

/// How long a worker without work keeps its thread.
const LINGER: Duration = Duration::from_secs(1);

/// How long lanes may wait while a worker is busy before another one takes them. Most handlers take far less time for
/// an event, and then a second worker would only cost its waking.
const PATIENCE: Duration = Duration::from_millis(1);

/// The lanes that wait for a thread, and the worker threads of a handler.
///
/// While one worker is busy, another one stands by: it checks every [`PATIENCE`] whether lanes wait, which means that
/// the busy one is held up. Only then are more workers woken, each by the one before.
pub(super) struct Pool {
    threads: usize,
    state: Mutex<Workers>,
    wake: Condvar,
}

#[derive(Default)]
struct Workers {
    /// Lanes with events and without a worker.
    ready: VecDeque<Ready>,
    count: usize,
    parked: usize,
    /// A worker was started or woken and has not looked for work yet.
    coming: bool,
    /// A parked worker checks every [`PATIENCE`] whether lanes wait.
    standing_by: bool,
    /// The handler is gone, and the workers must end.
    closed: bool,
}

/// A lane that has events.
pub(super) struct Ready {
    pub(super) lane: LaneRef,
    /// Held until the events are handled.
    pub(super) _clock: Option<PausedClock>,
}

/// How to get another worker.
pub(super) enum WakeUp {
    Unneeded,
    Parked,
    New,
}

impl Workers {
    /// Decides how the waiting lanes get a worker. `held_up` means that the busy workers do not get to them.
    fn wake_up(&mut self, threads: usize, held_up: bool) -> WakeUp {
        let busy = self.count - self.parked;
        if self.ready.is_empty() || self.coming || (busy > 0 && self.standing_by && !held_up) {
            WakeUp::Unneeded
        } else if self.parked > 0 {
            self.coming = true;
            WakeUp::Parked
        } else if self.count < threads {
            self.coming = true;
            self.count += 1;
            WakeUp::New
        } else {
            WakeUp::Unneeded
        }
    }
}

impl Pool {
    pub(super) fn new(threads: usize) -> Self {
        Self { threads, state: Mutex::default(), wake: Condvar::new() }
    }

    /// Adds a lane that has become active.
    pub(super) fn add(&self, ready: Ready) -> WakeUp {
        let mut state = lock(&self.state);
        state.ready.push_back(ready);
        self.woken(state, false)
    }

    /// Adds a lane that has more events, after it had its turn.
    pub(super) fn add_again(&self, ready: Ready) {
        lock(&self.state).ready.push_back(ready);
    }

    /// Returns the next lane to drain, and how to get the next worker. `None` after a while without lanes: then the
    /// worker must end.
    pub(super) fn next(&self, begins: bool) -> Option<(Ready, WakeUp)> {
        let mut state = lock(&self.state);
        if begins {
            state.coming = false;
        }
        let mut held_up = false;
        let mut idle_since = None;
        loop {
            if let Some(ready) = state.ready.pop_front() {
                return Some((ready, self.woken(state, held_up)));
            }
            if state.closed {
                state.count -= 1;
                return None;
            }
            let others_busy = state.count > state.parked + 1;
            let stands_by = others_busy && !state.standing_by;
            if stands_by {
                idle_since = None;
            } else if idle_since.get_or_insert_with(Instant::now).elapsed() >= LINGER {
                state.count -= 1;
                return None;
            }
            state.standing_by |= stands_by;
            state.parked += 1;
            let patience = if stands_by { PATIENCE } else { LINGER };
            let (parked, timeout) =
                self.wake.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
            state = parked;
            state.parked -= 1;
            state.standing_by &= !stands_by;
            state.coming = false;
            held_up = stands_by && timeout.timed_out();
        }
    }

    /// Wakes a parked worker if one is needed. A new one is left to the caller.
    fn woken(&self, mut state: MutexGuard<'_, Workers>, held_up: bool) -> WakeUp {
        let wake_up = state.wake_up(self.threads, held_up);
        drop(state);
        if let WakeUp::Parked = wake_up {
            self.wake.notify_one();
        }
        wake_up
    }

    /// Has all workers end. Called when there are no lanes any more.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.wake.notify_all();
    }

    pub(super) fn others_wait(&self) -> bool {
        !lock(&self.state).ready.is_empty()
    }

    /// A worker could not be started. Returns the lanes that wait for it, unless other workers take them.
    pub(super) fn worker_failed(&self) -> VecDeque<Ready> {
        let mut state = lock(&self.state);
        state.coming = false;
        state.count -= 1;
        if state.count > 0 { VecDeque::new() } else { std::mem::take(&mut state.ready) }
    }
}
