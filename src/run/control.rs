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

/// How the holder of a run reaches the task that polls its call.
#[derive(Debug, Default)]
pub(crate) struct Control {
    waker: AtomicWaker,
    /// Read in each poll, so kept outside of the lock.
    aborted: AtomicBool,
    state: Mutex<Lifetime>,
}

#[derive(Debug, Default)]
enum Lifetime {
    #[default]
    Open,
    Aborted(Abort),
    /// With the abort that ended it, until the consumer gets that.
    Ended(Option<Abort>),
}

impl Control {
    /// Marks the run as aborted. Returns true if this is the abort that ends it.
    pub(crate) fn abort(&self, abort: Abort) -> bool {
        {
            let mut state = lock(&self.state);
            if !matches!(*state, Lifetime::Open) {
                return false;
            }
            *state = Lifetime::Aborted(abort);
            self.aborted.store(true, Ordering::Release);
        }
        self.wake();
        true
    }

    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// Closes the run for aborts, before its terminal event is emitted. Returns the abort that came before.
    pub(crate) fn end(&self) -> Option<Abort> {
        let mut state = lock(&self.state);
        let abort = match &*state {
            Lifetime::Aborted(abort) => Some(abort.clone()),
            Lifetime::Open | Lifetime::Ended(_) => None,
        };
        *state = Lifetime::Ended(abort.clone());
        abort
    }

    /// Returns the abort that ended the run, the first time.
    pub(crate) fn take_abort(&self) -> Option<Abort> {
        match &mut *lock(&self.state) {
            Lifetime::Ended(abort) => abort.take(),
            Lifetime::Open | Lifetime::Aborted(_) => None,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(*lock(&self.state), Lifetime::Ended(_))
    }

    /// Registers the polling task. The caller checks what it waits for afterwards.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Drops the registered waker: no task waits any more.
    pub(crate) fn forget_task(&self) {
        drop(self.waker.take());
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }
}
