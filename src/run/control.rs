use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use futures_util::task::AtomicWaker;

use super::Abort;
use crate::sync::lock;

/// How anyone who holds a run reaches the task that polls its call.
#[derive(Debug, Default)]
pub(crate) struct Control {
    waker: AtomicWaker,
    /// Read on each poll, so kept beside the lock.
    aborted: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    Aborted(Abort),
    Ended,
}

impl Control {
    /// Marks the run; true if this is the abort that ends it.
    pub(crate) fn abort(&self, abort: Abort) -> bool {
        {
            let mut state = lock(&self.state);
            if !matches!(*state, State::Open) {
                return false;
            }
            *state = State::Aborted(abort);
            self.aborted.store(true, Ordering::Release);
        }
        self.wake();
        true
    }

    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// The run's terminal event is about to be told: from here on it cannot be aborted. Tells the
    /// abort that came before, if one did.
    pub(crate) fn end(&self) -> Option<Abort> {
        match std::mem::replace(&mut *lock(&self.state), State::Ended) {
            State::Aborted(abort) => Some(abort),
            State::Open | State::Ended => None,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(*lock(&self.state), State::Ended)
    }

    /// Registers the polling task. What it waits for must be looked at afterwards.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Nobody waits any more.
    pub(crate) fn forget_task(&self) {
        drop(self.waker.take());
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }
}
