use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

use super::{fault::panic_message, lane::LaneRef};
use crate::sync::lock;

pub(crate) type DrainFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The drain of a lockstep lane, which two may poll: its task, and the emitter, which has to wait for
/// the handler in any case. A handler that does not wait itself then costs no change of tasks.
///
/// Whoever polls takes the future out, so that no lock is held while the handler runs. It is always
/// polled with the same waker, which wakes the task: the emitter may leave it at any point.
pub(crate) struct Driver {
    slot: Mutex<Slot>,
    task: Arc<TaskWaker>,
    waker: Waker,
}

#[derive(Default)]
struct Slot {
    future: Option<DrainFuture>,
    taken: bool,
    /// Somebody came while it was taken.
    missed: bool,
    /// The task is gone: the future goes too.
    abandoned: bool,
}

struct TaskWaker(AtomicWaker);

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake();
    }
}

impl Driver {
    pub(crate) fn new() -> Self {
        let task = Arc::new(TaskWaker(AtomicWaker::new()));
        Self { slot: Mutex::default(), waker: Arc::clone(&task).into(), task }
    }

    /// Sets the drain to poll.
    pub(crate) fn set(&self, future: DrainFuture) {
        lock(&self.slot).future = Some(future);
    }

    /// Polls the drain, if nobody else does at the moment: then that one's task polls it again.
    pub(crate) fn drive(&self) -> Poll<()> {
        let mut future = {
            let mut slot = lock(&self.slot);
            match slot.future.take() {
                Some(future) => {
                    slot.taken = true;
                    future
                }
                None if slot.taken => {
                    slot.missed = true;
                    return Poll::Pending;
                }
                None => return Poll::Ready(()),
            }
        };
        let poll = future.as_mut().poll(&mut Context::from_waker(&self.waker));
        let mut done = Some(future);
        let missed = {
            let mut slot = lock(&self.slot);
            slot.taken = false;
            if poll.is_pending() && !slot.abandoned {
                slot.future = done.take();
            }
            std::mem::take(&mut slot.missed)
        };
        // What is left of a handler that was given up on is code of others, too.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(done))) {
            panic_message(payload);
        }
        // The task ends with the drain, though the handler's last future may have woken nobody.
        if missed || poll.is_ready() {
            self.task.0.wake();
        }
        poll
    }

    fn abandon(&self) {
        let future = {
            let mut slot = lock(&self.slot);
            slot.abandoned = true;
            slot.future.take()
        };
        drop(future);
    }
}

/// The task of a lockstep lane.
pub(crate) struct DriverTask(LaneRef);

impl DriverTask {
    pub(crate) fn new(lane: LaneRef) -> Self {
        Self(lane)
    }
}

impl Future for DriverTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(driver) = self.0.lane().driver() else { return Poll::Ready(()) };
        driver.task.0.register(cx.waker());
        driver.drive()
    }
}

impl Drop for DriverTask {
    fn drop(&mut self) {
        if let Some(driver) = self.0.lane().driver() {
            driver.abandon();
        }
    }
}
