//! One thread for the deadlines of all handlers.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::{panics::catch, sync::lock};

/// The longest pause between two checks, so that the thread ends soon after the last run.
const LONGEST: Duration = Duration::from_millis(500);

static STATE: Mutex<State> = Mutex::new(State { added: Vec::new(), running: false });
static ADDED: Condvar = Condvar::new();

struct State {
    added: Vec<Watched>,
    running: bool,
}

/// A handler whose deadlines are checked.
struct Watched {
    check: Box<dyn Fn() -> bool + Send>,
    pause: Duration,
    next: Instant,
}

impl Watched {
    /// Checks the deadlines, if it is time. Returns false if there is nothing more to check.
    fn check(&mut self) -> bool {
        if Instant::now() < self.next {
            return true;
        }
        // The thread must not end by a panic, not even one of a subscriber of `tracing`.
        let more = catch(&self.check).unwrap_or(true);
        self.next = Instant::now() + self.pause;
        more
    }
}

/// Calls a closure at intervals, as long as it returns true. Returns false if there is no thread for that.
///
/// A handler is added at most once in its pause, so that short runs do not wake the thread one by one.
pub(super) fn add(pause: Duration, check: Box<dyn Fn() -> bool + Send>) -> bool {
    let pause = pause.min(LONGEST);
    let mut state = lock(&STATE);
    state.added.push(Watched { check, pause, next: Instant::now() + pause });
    if state.running {
        ADDED.notify_one();
        return true;
    }
    let thread = thread::Builder::new().name("llm-callbacks-watch".to_owned());
    state.running = thread.spawn(run).is_ok();
    if !state.running {
        state.added.clear();
    }
    state.running
}

fn run() {
    let mut watched = Vec::new();
    loop {
        // Without the lock, because a fault calls hooks.
        watched.retain_mut(Watched::check);
        let mut state = lock(&STATE);
        watched.append(&mut state.added);
        let Some(next) = watched.iter().map(|watched| watched.next).min() else {
            state.running = false;
            return;
        };
        let pause = next.saturating_duration_since(Instant::now());
        drop(ADDED.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner));
    }
}
