use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use slab::Slab;
use tokio::{
    runtime::{Handle, Id},
    time::{Instant, sleep},
};

use super::watch_thread;
use crate::{
    delivery::{Dispatch, FaultKind, LaneRef, Progress},
    panics::catch,
    paused_clock::PausedClock,
    sync::lock,
};

/// The lanes of a handler, and since when it has been at the same event in each. Detaches it where it misses its
/// deadline.
///
/// One thread watches all handlers: a task for that could wait behind a handler that blocks its worker. Only where a test
/// has paused the clock, which no thread can wait for, a task of that runtime watches.
///
/// The clock is read at intervals rather than for each event: a token costs nothing here.
pub(super) struct Watch {
    deadline: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lanes: Slab<Watched>,
    /// The clocks by which lanes are watched.
    clocks: Vec<Clock>,
}

/// The clock of a deadline.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    System,
    /// The paused clock of a runtime.
    Paused(Id),
}

struct Watched {
    dispatch: Weak<Dispatch>,
    index: usize,
    clock: Clock,
    finished: u64,
    since: Option<Instant>,
}

impl Watched {
    fn lane(&self) -> Option<LaneRef> {
        Some(LaneRef { dispatch: self.dispatch.upgrade()?, index: self.index })
    }

    /// Whether the handler has finished no event since the deadline began.
    fn is_late(&mut self, lane: &LaneRef, now: Instant, deadline: Duration) -> bool {
        let Progress { active, gathers, finished, .. } = lane.lane().progress();
        match self.since {
            _ if !active || gathers => self.since = None,
            // A later time is one of a paused clock, whose runtime is gone.
            Some(since) if self.finished == finished && since <= now => {
                return now.duration_since(since) >= deadline;
            }
            _ => (self.since, self.finished) = (Some(now), finished),
        }
        false
    }
}

impl Watch {
    pub(super) fn new(deadline: Duration) -> Arc<Self> {
        Arc::new(Self { deadline, state: Mutex::default() })
    }

    /// Adds a lane. The deadline of a handler that runs in a runtime is one of that runtime's clock, if it is paused.
    /// Returns the key with which the lane must be removed when it ends.
    pub(super) fn add(self: &Arc<Self>, lane: &LaneRef, runtime: Option<&Handle>) -> u32 {
        let has_deadline = self.deadline != Duration::MAX;
        let paused = runtime.filter(|runtime| has_deadline && PausedClock::is_of(runtime));
        let clock = paused.map_or(Clock::System, |runtime| Clock::Paused(runtime.id()));
        let watched = Watched {
            dispatch: Arc::downgrade(&lane.dispatch),
            index: lane.index,
            clock,
            finished: 0,
            since: None,
        };
        let (key, start) = {
            let mut state = lock(&self.state);
            let key = state.lanes.insert(watched);
            let start = has_deadline && !state.clocks.contains(&clock);
            if start {
                state.clocks.push(clock);
            }
            // Cannot truncate: 2^32 lanes do not fit in memory.
            (key as u32, start)
        };
        if start {
            match paused {
                Some(runtime) => {
                    let watcher = Watcher { watch: Arc::downgrade(self), clock, done: false };
                    drop(runtime.spawn(watcher.watch(self.tick())));
                }
                None => self.watch_on_thread(clock),
            }
        }
        key
    }

    fn watch_on_thread(self: &Arc<Self>, clock: Clock) {
        let watch = Arc::downgrade(self);
        let check = move || watch.upgrade().is_some_and(|watch| watch.check(clock));
        if !watch_thread::add(self.tick(), Box::new(check)) {
            // There is no thread. The next run tries again.
            lock(&self.state).clocks.retain(|other| *other != clock);
        }
    }

    pub(super) fn remove(&self, key: u32) {
        // Dropped after the lock is released: it may be the last reference to a run.
        let _removed = lock(&self.state).lanes.try_remove(key as usize);
    }

    /// Returns the lanes that have not ended.
    pub(super) fn lanes(&self) -> Vec<LaneRef> {
        lock(&self.state).lanes.iter().filter_map(|(_, watched)| watched.lane()).collect()
    }

    fn tick(&self) -> Duration {
        (self.deadline / 8).max(Duration::from_millis(1))
    }

    /// Checks every lane that is watched by a clock, and detaches the handler where it is late. Returns false without
    /// lanes: then the next one starts another watcher.
    fn check(&self, clock: Clock) -> bool {
        let now = Instant::now();
        let mut seen = Vec::new();
        let more = {
            let mut state = lock(&self.state);
            let mut more = false;
            for (_, watched) in &mut state.lanes {
                if watched.clock != clock {
                    continue;
                }
                more = true;
                if let Some(lane) = watched.lane() {
                    let is_late = watched.is_late(&lane, now, self.deadline);
                    // Not dropped under the lock.
                    seen.push((lane, is_late));
                }
            }
            if !more {
                state.clocks.retain(|other| *other != clock);
            }
            more
        };
        for (lane, is_late) in seen {
            // A fault's hooks may spawn tasks. Pauses of a suspended handler are times of this clock. And a handler that is
            // dropped with its last run must not hold up the thread: in a runtime it does not.
            let runtime = lane.lane().runtime().cloned();
            let _entered = runtime.as_ref().map(Handle::enter);
            if is_late {
                lane.detach(FaultKind::DeadlineExceeded, |_| {});
                if let Some(runtime) = runtime.as_ref().filter(|_| lane.lane().slot.is_async()) {
                    // The handler may block the worker that looks after the runtime's timers and sockets, while the others
                    // sleep. For a task one of them gets up, and takes that over. `spawn` may panic at a shutdown.
                    drop(catch(|| runtime.spawn(async {})));
                }
            }
            drop(lane);
        }
        more
    }
}

/// Checks the lanes of a handler at intervals. Does not keep the handler alive.
struct Watcher {
    watch: Weak<Watch>,
    clock: Clock,
    done: bool,
}

impl Watcher {
    async fn watch(mut self, tick: Duration) {
        loop {
            sleep(tick).await;
            if self.watch.upgrade().is_none_or(|watch| !watch.check(self.clock)) {
                self.done = true;
                return;
            }
        }
    }
}

/// The runtime has no timer, or it is gone while there are runs: the thread goes on.
impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.upgrade().filter(|_| !self.done) {
            watch.watch_on_thread(self.clock);
        }
    }
}
