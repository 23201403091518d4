//! The worker threads of a blocking handler, which take turns with the runs that have events for it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::gathering::Gathering;
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
///
/// The lanes of a handler that lingers first gather, while one parked worker waits for the end of the linger. While that
/// goes on, another one looks [`PATIENCE`] later whether the first is held up, without being woken for that.
pub(super) struct Pool {
    threads: usize,
    /// How many lanes a worker takes at once.
    most: AtomicUsize,
    state: Mutex<Workers>,
    wake: Condvar,
}

struct Workers {
    /// Lanes with events and without a worker.
    ready: VecDeque<Ready>,
    /// All of them have gathered: a parked worker that looks after them need not be woken for them.
    is_ready_together: bool,
    gathering: Gathering,
    count: usize,
    parked: usize,
    /// A worker was started or woken and has not looked for work yet.
    coming: bool,
    /// A parked worker checks every [`PATIENCE`] whether lanes wait.
    standing_by: bool,
    /// A parked worker waits for the end of the linger.
    timing: bool,
    /// A parked worker looks after what gathers, [`PATIENCE`] after the end of the linger.
    backing_up: bool,
    /// The handler is gone, and the workers must end.
    closed: bool,
}

/// A lane that has events.
pub(super) struct Ready {
    pub(super) lane: LaneRef,
    /// Held until the events are handled.
    pub(super) _clock: Option<Arc<PausedClock>>,
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
        let is_patient = self.ready.is_empty() || self.is_ready_together;
        let is_looked_after = busy > 0 && (self.standing_by || (is_patient && self.backing_up));
        let is_timed = self.timing || self.gathering.due().is_none();
        let is_idle = self.ready.is_empty() && is_timed;
        if is_idle || self.coming || (is_looked_after && !held_up) {
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

    /// Has the lanes drained that gather, after the linger or before its end.
    fn end_gathering(&mut self, now: Instant, is_due: bool, clock: Option<&Arc<PausedClock>>) {
        self.is_ready_together = is_due && (self.is_ready_together || self.ready.is_empty());
        let gathered = self.gathering.end(now);
        self.ready.extend(gathered.map(|lane| Ready { lane, _clock: clock.cloned() }));
    }

    /// Takes the next lanes: one, or at most so many of one runtime. Returns false if there are none.
    fn take(&mut self, most: usize, taken: &mut Vec<Ready>) -> bool {
        let runtime = |ready: &Ready| ready.lane.lane().runtime().map(|runtime| runtime.id());
        while taken.len() < most
            && let Some(next) = self.ready.front()
            && taken.first().is_none_or(|first| runtime(first) == runtime(next))
        {
            taken.extend(self.ready.pop_front());
        }
        !taken.is_empty()
    }

    /// Parks the calling worker. Returns whether lanes have waited for all of [`PATIENCE`].
    fn park<'a>(
        mut state: MutexGuard<'a, Self>,
        stands_by: bool,
        wake: &Condvar,
    ) -> (MutexGuard<'a, Self>, bool) {
        let rest = state.gathering.rest(Instant::now());
        let times = rest.is_some() && !state.timing;
        let backs_up = rest.is_some() && !times && !state.backing_up;
        let longest = if stands_by { PATIENCE } else { LINGER };
        let wait = match rest {
            Some(rest) if times => rest.min(longest),
            Some(rest) if backs_up => rest.saturating_add(PATIENCE).min(longest),
            _ => longest,
        };
        state.standing_by |= stands_by;
        state.timing |= times;
        state.backing_up |= backs_up;
        state.parked += 1;
        let waited = wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner);
        let (mut state, timeout) = waited;
        state.parked -= 1;
        state.standing_by &= !stands_by;
        state.timing &= !times;
        state.backing_up &= !backs_up;
        state.coming = false;
        let is_held_up = timeout.timed_out() && (stands_by && wait == PATIENCE || backs_up);
        (state, is_held_up)
    }
}

impl Pool {
    pub(super) fn new(threads: usize, linger: Duration) -> Self {
        let state = Workers {
            ready: VecDeque::new(),
            is_ready_together: false,
            gathering: Gathering::new(linger),
            count: 0,
            parked: 0,
            coming: false,
            standing_by: false,
            timing: false,
            backing_up: false,
            closed: false,
        };
        Self { threads, most: AtomicUsize::new(1), state: Mutex::new(state), wake: Condvar::new() }
    }

    /// Sets how many lanes a worker takes at once.
    pub(super) fn set_most(&self, lanes: usize) {
        self.most.store(lanes, Ordering::Relaxed);
    }

    /// Adds a lane that has become active. What gathers comes with it, after it.
    pub(super) fn add(&self, ready: Ready) -> WakeUp {
        let mut state = lock(&self.state);
        let clock = ready._clock.clone();
        state.ready.push_back(ready);
        if state.gathering.lingers() {
            state.end_gathering(Instant::now(), false, clock.as_ref());
        }
        self.woken(state, false)
    }

    /// Adds a lane that has become active and waits for the events of others, unless the last ones came longer ago than
    /// the linger.
    pub(super) fn gather(&self, lane: LaneRef) -> WakeUp {
        let now = Instant::now();
        let mut state = lock(&self.state);
        if state.gathering.add(lane, now) {
            state.end_gathering(now, true, None);
        }
        self.woken(state, false)
    }

    /// As [`gather`](Self::gather), where the clock of a runtime measures the linger. Returns true if the lane is the first
    /// that gathers, so that somebody has to call [`hurry`](Self::hurry).
    pub(super) fn gather_by_runtime(&self, lane: LaneRef) -> bool {
        let mut state = lock(&self.state);
        state.gathering.add_by_runtime(lane)
    }

    /// Has the lanes drained that gather.
    pub(super) fn hurry(&self, clock: Option<&Arc<PausedClock>>) -> WakeUp {
        let mut state = lock(&self.state);
        state.end_gathering(Instant::now(), false, clock);
        self.woken(state, false)
    }

    /// Adds lanes that have more events, after they had their turn. The caller takes the next lanes then.
    pub(super) fn add_again(&self, ready: Vec<Ready>) {
        lock(&self.state).ready.extend(ready);
    }

    /// Adds lanes that were taken and had no turn. The caller is busy.
    pub(super) fn give_back(&self, ready: Vec<Ready>) -> WakeUp {
        let mut state = lock(&self.state);
        state.ready.extend(ready);
        state.is_ready_together = false;
        self.woken(state, false)
    }

    /// Takes the next lanes to drain. Returns how to get the next worker, or `None` after a while without lanes: then the
    /// worker must end.
    pub(super) fn next(&self, begins: bool, taken: &mut Vec<Ready>) -> Option<WakeUp> {
        let mut state = lock(&self.state);
        if begins {
            state.coming = false;
        }
        let mut held_up = false;
        let mut idle_since = None;
        loop {
            if let Some(due) = state.gathering.due() {
                let now = Instant::now();
                if now >= due {
                    state.end_gathering(now, true, None);
                }
            }
            if state.take(self.most.load(Ordering::Relaxed), taken) {
                return Some(self.woken(state, held_up));
            }
            if state.closed {
                state.count -= 1;
                return None;
            }
            let others_busy = state.count > state.parked + 1;
            let stands_by = others_busy && !state.standing_by;
            if stands_by || state.gathering.due().is_some() {
                idle_since = None;
            } else if idle_since.get_or_insert_with(Instant::now).elapsed() >= LINGER {
                state.count -= 1;
                return None;
            }
            (state, held_up) = Workers::park(state, stands_by, &self.wake);
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
        if state.count > 0 {
            return VecDeque::new();
        }
        state.end_gathering(Instant::now(), false, None);
        std::mem::take(&mut state.ready)
    }
}
