//! Where blocking handlers run: a bounded number of threads for each handler, which take turns with
//! the runs that have events for it.

use std::{
    collections::VecDeque,
    hint,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use super::{
    FaultKind,
    cell::Cell,
    inline,
    lane::{BATCH, LaneRef},
};
use crate::{event::Event, sync::lock};

/// How long a worker without work keeps its thread. Short, for it holds up the runtime's shutdown.
const LINGER: Duration = Duration::from_millis(10);

/// How long lanes may wait while a worker is busy before another one looks after them. Most handlers
/// take far less for an event, and then a second worker would only cost its waking.
const PATIENCE: Duration = Duration::from_millis(1);

/// A batch of this size says that tokens come in a burst: then it pays to look a little longer
/// before the queue is left.
const BURST: usize = 8;

/// How often it looks, and how long it idles between two looks.
const LOOKS: usize = 40;
const IDLE_SPINS: usize = 30;

/// The workers of a handler.
///
/// If one is busy, another one stands by: it looks every [`PATIENCE`] whether lanes wait, which says
/// that the busy one is held up. Only then are more workers called, each by the one before.
pub(crate) struct Pool {
    threads: usize,
    state: Mutex<State>,
    called: Condvar,
}

#[derive(Default)]
struct State {
    /// Lanes with events and without a worker.
    ready: VecDeque<LaneRef>,
    workers: usize,
    parked: usize,
    /// A worker was started or called and has not looked for work yet.
    coming: bool,
    /// A parked worker looks every [`PATIENCE`] whether lanes wait.
    standing_by: bool,
}

enum Summon {
    Nobody,
    Parked,
    New,
}

impl State {
    /// Calls a worker to the lanes that wait. `held_up` says that those who are busy do not get to them.
    fn summon(&mut self, threads: usize, held_up: bool) -> Summon {
        let busy = self.workers - self.parked;
        if self.ready.is_empty() || self.coming || (busy > 0 && self.standing_by && !held_up) {
            Summon::Nobody
        } else if self.parked > 0 {
            self.coming = true;
            Summon::Parked
        } else if self.workers < threads {
            self.coming = true;
            self.workers += 1;
            Summon::New
        } else {
            Summon::Nobody
        }
    }
}

impl Pool {
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads, state: Mutex::default(), called: Condvar::new() }
    }

    /// The next lane to drain; none when there was none for a while: then the worker must go.
    fn next(&self, cell: &Arc<Cell>, begins: bool) -> Option<LaneRef> {
        let mut state = lock(&self.state);
        if begins {
            state.coming = false;
        }
        let mut held_up = false;
        let mut idle_since = None;
        loop {
            if let Some(lane) = state.ready.pop_front() {
                let summon = state.summon(self.threads, held_up);
                drop(state);
                self.answer(cell, &lane, &summon);
                return Some(lane);
            }
            let others_busy = state.workers > state.parked + 1;
            let stands_by = others_busy && !state.standing_by;
            if stands_by {
                idle_since = None;
            } else if idle_since.get_or_insert_with(Instant::now).elapsed() >= LINGER {
                state.workers -= 1;
                return None;
            }
            state.standing_by |= stands_by;
            state.parked += 1;
            let patience = if stands_by { PATIENCE } else { LINGER };
            let (parked, timeout) =
                self.called.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
            state = parked;
            state.parked -= 1;
            state.standing_by &= !stands_by;
            state.coming = false;
            held_up = stands_by && timeout.timed_out();
        }
    }

    fn answer(&self, cell: &Arc<Cell>, lane: &LaneRef, summon: &Summon) {
        match summon {
            Summon::Nobody => {}
            Summon::Parked => self.called.notify_one(),
            Summon::New => start_worker(cell, lane.lane().runtime()),
        }
    }

    fn others_wait(&self) -> bool {
        !lock(&self.state).ready.is_empty()
    }
}

/// Has a lane drained that has become active.
pub(crate) fn schedule(lane: LaneRef) {
    let cell = Arc::clone(&lane.lane().cell);
    let pool = &cell.pool;
    let mut state = lock(&pool.state);
    let summoner = lane.clone();
    state.ready.push_back(lane);
    let summon = state.summon(pool.threads, false);
    drop(state);
    pool.answer(&cell, &summoner, &summon);
}

/// A worker that has not begun. Where the runtime drops it (it is shutting down), it begins on a
/// thread of its own.
struct Worker(Option<Arc<Cell>>);

impl Worker {
    fn run(mut self) {
        if let Some(cell) = self.0.take() {
            work(&cell);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let Some(cell) = self.0.take() else { return };
        let work_on = Arc::clone(&cell);
        let name = "llm-callbacks".to_owned();
        if thread::Builder::new().name(name).spawn(move || work(&work_on)).is_err() {
            forsake(&cell);
        }
    }
}

fn start_worker(cell: &Arc<Cell>, runtime: Option<&Handle>) {
    let worker = Worker(Some(Arc::clone(cell)));
    match runtime {
        // It panics where the system gives no more threads; the worker is dropped, and tries itself.
        Some(runtime) => {
            let start = || drop(runtime.spawn_blocking(move || worker.run()));
            let _ = catch_unwind(AssertUnwindSafe(start));
        }
        None => drop(worker),
    }
}

/// There is no thread to be had: the lanes that wait for one are given up, unless other workers are
/// there to take them.
fn forsake(cell: &Arc<Cell>) {
    let lanes = {
        let mut state = lock(&cell.pool.state);
        state.coming = false;
        state.workers -= 1;
        if state.workers > 0 { VecDeque::new() } else { std::mem::take(&mut state.ready) }
    };
    for LaneRef { dispatch, index } in lanes {
        dispatch.give_up(index, FaultKind::NoRuntime, |_| {});
    }
}

fn work(cell: &Arc<Cell>) {
    let mut batch = VecDeque::with_capacity(BATCH);
    let mut begins = true;
    while let Some(lane) = cell.pool.next(cell, std::mem::take(&mut begins)) {
        if drain(cell, &lane, &mut batch) == Drained::NotYet {
            let mut state = lock(&cell.pool.state);
            state.ready.push_back(lane);
        }
    }
}

#[derive(PartialEq, Eq)]
enum Drained {
    All,
    /// It has more, but it is another run's turn.
    NotYet,
}

fn drain(cell: &Arc<Cell>, lane_ref: &LaneRef, batch: &mut VecDeque<Event>) -> Drained {
    let lane = lane_ref.lane();
    let control = lane_ref.run().control();
    let mut context = lane.context();
    let mut handled = 0;
    let mut last_batch = 0;
    loop {
        if last_batch >= BURST {
            look_for_more(lane_ref);
        }
        if !lane.take(batch, control) {
            return Drained::All;
        }
        last_batch = batch.len();
        handled += last_batch;
        while let Some(event) = batch.pop_front() {
            if lane.is_dead() {
                batch.clear();
                return Drained::All;
            }
            let kind = event.kind();
            lane.begin(kind, control);
            let LaneRef { dispatch, index } = lane_ref;
            if cell.interests.contains(kind)
                && !inline::call(dispatch, *index, &mut context, &event)
            {
                batch.clear();
                return Drained::All;
            }
            lane.finish_one();
            if kind.is_terminal() {
                if let Some(key) = lane.end(control) {
                    cell.watch.remove(key);
                }
                return Drained::All;
            }
        }
        if handled >= BATCH {
            if cell.pool.others_wait() {
                return Drained::NotYet;
            }
            handled = 0;
        }
    }
}

fn look_for_more(lane_ref: &LaneRef) {
    for _ in 0..LOOKS {
        if lane_ref.lane().looks_ready() {
            return;
        }
        for _ in 0..IDLE_SPINS {
            hint::spin_loop();
        }
    }
}
