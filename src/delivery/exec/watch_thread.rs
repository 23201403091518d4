//! One thread for the deadlines of all handlers that run on threads.

use std::{
    sync::{Condvar, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use super::watch::{Clock, Watch};
use crate::sync::lock;

/// The longest pause between two looks, so that the thread ends soon after the last run.
const LONGEST: Duration = Duration::from_millis(500);

static WATCHED: Mutex<State> = Mutex::new(State { watched: Vec::new(), running: false });
static ADDED: Condvar = Condvar::new();

struct State {
    watched: Vec<Watched>,
    running: bool,
}

struct Watched {
    watch: Weak<Watch>,
    clock: Clock,
    next: Instant,
}

impl Watched {
    fn tick(watch: &Watch) -> Duration {
        watch.tick().min(LONGEST)
    }

    /// Checks the deadlines, if it is time. Returns false if there is nothing more to watch.
    fn check(&mut self) -> bool {
        if Instant::now() < self.next {
            return true;
        }
        let Some(watch) = self.watch.upgrade() else { return false };
        let more = watch.check(self.clock);
        self.next = Instant::now() + Self::tick(&watch);
        more
    }
}

/// Has the lanes of a handler checked at intervals, as long as there are any.
pub(super) fn add(watch: &Weak<Watch>, clock: Clock) {
    let Some(tick) = watch.upgrade().map(|watch| Watched::tick(&watch)) else { return };
    let mut state = lock(&WATCHED);
    state.watched.push(Watched { watch: Weak::clone(watch), clock, next: Instant::now() + tick });
    if state.running {
        ADDED.notify_one();
        return;
    }
    let thread = thread::Builder::new().name("llm-callbacks-watch".to_owned());
    // Without a thread there are no deadlines. The next handler tries again.
    state.running = thread.spawn(run).is_ok();
}

fn run() {
    let mut mine = Vec::new();
    loop {
        // Checked without the lock, because a fault calls hooks.
        mine.retain_mut(Watched::check);
        let now = Instant::now();
        let mut state = lock(&WATCHED);
        mine.append(&mut state.watched);
        let Some(next) = mine.iter().map(|watched| watched.next).min() else {
            state.running = false;
            return;
        };
        let pause = next.saturating_duration_since(now);
        drop(ADDED.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner));
    }
}
