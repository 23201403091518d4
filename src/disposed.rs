//! Drops handlers where their code may block and panic.

use std::{
    collections::VecDeque,
    mem,
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio::runtime::Handle;

use crate::{panics::catch, paused_clock::PausedClock, sync::lock};

/// A value of the user. Dropped in a runtime, perhaps with the last run that has it, it is dropped on a thread instead;
/// elsewhere at once. A panic is caught.
pub(crate) struct Disposed<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Disposed<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(crate) fn get(&self) -> &T {
        let Some(value) = &self.0 else { unreachable!("taken when this is dropped") };
        value
    }
}

impl<T: Send + 'static> Drop for Disposed<T> {
    fn drop(&mut self) {
        let Some(value) = self.0.take() else { return };
        if mem::needs_drop::<T>() && Handle::try_current().is_ok() {
            dispose(Box::new(value));
        } else {
            drop_caught(value);
        }
    }
}

fn drop_caught<T>(value: T) {
    if catch(|| drop(value)).is_err() {
        tracing::error!(target: "tower_llm_callbacks", "a callback handler panicked while it was dropped");
    }
}

/// How long a thread waits for another handler to drop.
const LINGER: Duration = Duration::from_secs(1);

static DROPS: Mutex<Drops> = Mutex::new(Drops { queue: VecDeque::new(), idle: 0 });
static ADDED: Condvar = Condvar::new();

struct Drops {
    queue: VecDeque<Value>,
    /// The threads that wait for the queue.
    idle: usize,
}

/// A value to drop, and the clock of the runtime, which may wait for that.
type Value = (Box<dyn Send>, Option<PausedClock>);

fn dispose(value: Box<dyn Send>) {
    let value = (value, PausedClock::hold());
    {
        let mut drops = lock(&DROPS);
        drops.queue.push_back(value);
        if drops.queue.len() <= drops.idle {
            return ADDED.notify_one();
        }
    }
    let thread = thread::Builder::new().name("llm-callbacks-drop".to_owned());
    if thread.spawn(work).is_err() {
        // Better here than never.
        let value = lock(&DROPS).queue.pop_back();
        drop_caught(value);
    }
}

fn work() {
    loop {
        let mut drops = lock(&DROPS);
        if drops.queue.is_empty() {
            drops.idle += 1;
            let waited = ADDED.wait_timeout(drops, LINGER);
            drops = waited.unwrap_or_else(PoisonError::into_inner).0;
            drops.idle -= 1;
        }
        let Some(value) = drops.queue.pop_front() else { return };
        drop(drops);
        drop_caught(value);
    }
}
