//! Who notices that a handler takes too long: one task for each handler and each runtime that makes
//! calls, while there are runs.

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

use super::{
    FaultKind,
    cell::Cell,
    dispatch::Dispatch,
    lane::{LaneRef, Progress},
};
use crate::sync::lock;

/// The runs that a handler hears of, and since when it has been at the same event in each.
///
/// The clock is read at intervals rather than with each event: a token costs nothing here.
pub(crate) struct Watch {
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
    /// Whether the runtime's watcher is still needed; if not, the next lane starts another one.
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
    pub(crate) fn new(deadline: Duration) -> Self {
        Self { deadline, state: Mutex::default() }
    }

    /// Adds a lane; it must be removed by the key when the run has ended for the handler.
    ///
    /// It is watched in the given runtime: the one that waits for the handler, if there is one. If
    /// that one stands still, so does the call; another runtime (the handler's own, or that of an
    /// earlier call) may stand still while the call goes on.
    pub(crate) fn add(&self, cell: &Arc<Cell>, lane: &LaneRef, runtime: &Handle) -> u32 {
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
            // As many as there is memory for are fewer.
            (key as u32, start)
        };
        if start {
            let cell = Arc::downgrade(cell);
            let watcher = Watcher { cell, runtime: runtime.id(), tick: self.tick(), done: false };
            drop(runtime.spawn(watcher.watch()));
        }
        key
    }

    pub(crate) fn remove(&self, key: u32) {
        // Dropped after the lock is gone: it may be the last reference to a run.
        let _removed = lock(&self.state).lanes.try_remove(key as usize);
    }

    /// The lanes on whose events a flush has to wait.
    pub(crate) fn lanes(&self) -> Vec<LaneRef> {
        lock(&self.state).lanes.iter().filter_map(|(_, watched)| watched.lane()).collect()
    }

    fn tick(&self) -> Duration {
        (self.deadline / 8).max(Duration::from_millis(1))
    }

    /// Looks at every lane of a runtime; gives up those that are late. False when there is none left.
    fn look(&self, runtime: Id, now: Instant) -> bool {
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
        for LaneRef { dispatch, index } in late {
            dispatch.give_up(index, FaultKind::DeadlineExceeded, |_| {});
        }
        more
    }
}

/// Looks at a handler's lanes at intervals. It does not keep the handler alive.
struct Watcher {
    cell: Weak<Cell>,
    runtime: Id,
    tick: Duration,
    done: bool,
}

impl Watcher {
    async fn watch(mut self) {
        loop {
            sleep(self.tick).await;
            if !self.look() {
                self.done = true;
                return;
            }
        }
    }

    fn look(&self) -> bool {
        self.cell.upgrade().is_some_and(|cell| cell.watch.look(self.runtime, Instant::now()))
    }
}

/// The runtime has gone (or has no timer) while there are runs: a thread goes on.
impl Drop for Watcher {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let Some(cell) = self.cell.upgrade() else { return };
        let runtime = self.runtime;
        if !lock(&cell.watch.state).needs_watcher(runtime) {
            return;
        }
        let (cell, tick) = (Weak::clone(&self.cell), self.tick);
        let watch = move || {
            while let Some(cell) = cell.upgrade() {
                let more = cell.watch.look(runtime, Instant::now());
                drop(cell);
                if !more {
                    return;
                }
                thread::sleep(tick);
            }
        };
        let name = "llm-callbacks-watch".to_owned();
        if thread::Builder::new().name(name).spawn(watch).is_err()
            && let Some(cell) = self.cell.upgrade()
        {
            lock(&cell.watch.state).watched_in.retain(|id| *id != runtime);
        }
    }
}
