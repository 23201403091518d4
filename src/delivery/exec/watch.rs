//! Detaches handlers that miss their deadlines: one task for each handler and each runtime that makes calls, while
//! there are runs.

use std::{
    sync::{Arc, Mutex, Weak},
    thread,
    time::Duration,
};

use slab::Slab;
use tokio::{
    runtime::{Handle, Id},
    time::{Instant, sleep},
};

use crate::{
    delivery::{Dispatch, FaultKind, LaneRef, Progress},
    sync::lock,
};

/// The lanes of a handler, and since when it has been at the same event in each.
///
/// The clock is read at intervals rather than for each event: a token costs nothing here.
pub(super) struct Watch {
    deadline: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lanes: Slab<Watched>,
    /// The runtimes that have a watcher.
    watched_in: Vec<Id>,
}

impl State {
    /// Whether the runtime's watcher is still needed. If not, the next lane starts another one.
    fn needs_watcher(&mut self, runtime: Id) -> bool {
        let needs = self.lanes.iter().any(|(_, watched)| watched.runtime == runtime);
        if !needs {
            self.watched_in.retain(|id| *id != runtime);
        }
        needs
    }
}

struct Watched {
    dispatch: Weak<Dispatch>,
    index: usize,
    runtime: Id,
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

    /// Adds a lane, which is watched in the given runtime. Returns the key with which it must be removed when it ends.
    pub(super) fn add(self: &Arc<Self>, lane: &LaneRef, runtime: &Handle) -> u32 {
        let watched = Watched {
            dispatch: Arc::downgrade(&lane.dispatch),
            index: lane.index,
            runtime: runtime.id(),
            finished: 0,
            since: None,
        };
        let (key, start) = {
            let mut state = lock(&self.state);
            let key = state.lanes.insert(watched);
            let start = self.deadline != Duration::MAX && !state.watched_in.contains(&runtime.id());
            if start {
                state.watched_in.push(runtime.id());
            }
            // Cannot truncate: 2^32 lanes do not fit in memory.
            (key as u32, start)
        };
        if start {
            let watch = Arc::downgrade(self);
            let watcher = Watcher { watch, runtime: runtime.id(), tick: self.tick(), done: false };
            drop(runtime.spawn(watcher.watch()));
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

    /// Checks every lane of a runtime, and detaches the handler where it is late. Returns false without lanes.
    fn check(&self, runtime: Id, now: Instant) -> bool {
        let mut seen = Vec::new();
        let mut late = Vec::new();
        let more = {
            let mut state = lock(&self.state);
            for (_, watched) in &mut state.lanes {
                if watched.runtime != runtime {
                    continue;
                }
                let Some(lane) = watched.lane() else { continue };
                let Progress { active, finished, .. } = lane.lane().progress();
                match watched.since {
                    _ if !active => watched.since = None,
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
            state.needs_watcher(runtime)
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
    runtime: Id,
    tick: Duration,
    done: bool,
}

impl Watcher {
    async fn watch(mut self) {
        loop {
            sleep(self.tick).await;
            if !self.check() {
                self.done = true;
                return;
            }
        }
    }

    fn check(&self) -> bool {
        self.watch.upgrade().is_some_and(|watch| watch.check(self.runtime, Instant::now()))
    }
}

/// The runtime is gone, or has no timer, while there are runs: a thread goes on.
impl Drop for Watcher {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let Some(watch) = self.watch.upgrade() else { return };
        let runtime = self.runtime;
        if !lock(&watch.state).needs_watcher(runtime) {
            return;
        }
        let (weak, tick) = (Weak::clone(&self.watch), self.tick);
        let go_on = move || {
            while let Some(watch) = weak.upgrade() {
                let more = watch.check(runtime, Instant::now());
                drop(watch);
                if !more {
                    return;
                }
                thread::sleep(tick);
            }
        };
        let name = "llm-callbacks-watch".to_owned();
        if thread::Builder::new().name(name).spawn(go_on).is_err() {
            lock(&watch.state).watched_in.retain(|id| *id != runtime);
        }
    }
}
