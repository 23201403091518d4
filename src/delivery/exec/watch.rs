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
    sync::lock,
};

/// The lanes of a handler, and since when it has been at the same event in each. Detaches it where it misses its
/// deadline.
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
    /// That of a runtime, which a test may pause: it runs the handler's futures.
    Runtime(Id),
    /// That of the system, for handlers that run on threads.
    System,
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
}

impl Watch {
    pub(super) fn new(deadline: Duration) -> Arc<Self> {
        Arc::new(Self { deadline, state: Mutex::default() })
    }

    /// Adds a lane, which is watched in a runtime or, without one, on a thread. Returns the key with which it must be
    /// removed when it ends.
    pub(super) fn add(self: &Arc<Self>, lane: &LaneRef, runtime: Option<&Handle>) -> u32 {
        let clock = runtime.map_or(Clock::System, |runtime| Clock::Runtime(runtime.id()));
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
            let start = self.deadline != Duration::MAX && !state.clocks.contains(&clock);
            if start {
                state.clocks.push(clock);
            }
            // Cannot truncate: 2^32 lanes do not fit in memory.
            (key as u32, start)
        };
        if start {
            let watcher = Watcher { watch: Arc::downgrade(self), clock, done: false };
            match runtime {
                Some(runtime) => drop(runtime.spawn(watcher.watch(self.tick()))),
                None => drop(watcher),
            }
        }
        key
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
        let mut late = Vec::new();
        let more = {
            let mut state = lock(&self.state);
            let mut more = false;
            for (_, watched) in &mut state.lanes {
                if watched.clock != clock {
                    continue;
                }
                more = true;
                let Some(lane) = watched.lane() else { continue };
                let Progress { active, gathers, finished, .. } = lane.lane().progress();
                match watched.since {
                    _ if !active || gathers => watched.since = None,
                    Some(since) if watched.finished == finished => {
                        if now.saturating_duration_since(since) >= self.deadline {
                            late.push(lane.clone());
                        }
                    }
                    _ => {
                        watched.since = Some(now);
                        watched.finished = finished;
                    }
                }
                // Not dropped under the lock.
                seen.push(lane);
            }
            if !more {
                state.clocks.retain(|other| *other != clock);
            }
            more
        };
        for lane in late {
            lane.detach(FaultKind::DeadlineExceeded, |_| {});
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

/// There is no runtime, or it is gone or has no timer, while there are runs: the thread goes on.
impl Drop for Watcher {
    fn drop(&mut self) {
        let Some(watch) = self.watch.upgrade().filter(|_| !self.done) else { return };
        let (weak, clock) = (Weak::clone(&self.watch), self.clock);
        let check = move || weak.upgrade().is_some_and(|watch| watch.check(clock));
        watch_thread::add(watch.tick(), Box::new(check));
    }
}
