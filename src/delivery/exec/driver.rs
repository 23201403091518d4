use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

use crate::{
    delivery::queue::{Drive, HandedOver, Lane},
    event::Event,
    panics::catch,
    sync::lock,
};

pub(crate) type DrainFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    /// The event with which the drain of a lockstep lane is polled on this thread. A queue between the two, which run one
    /// after the other on the same thread, would cost its locks for each token.
    static HANDED: Cell<Handed> = const { Cell::new(Handed::Nothing) };
}

#[derive(Default)]
enum Handed {
    #[default]
    Nothing,
    Event(Box<Event>),
    /// The handler has it.
    Taken,
    /// The handler has returned.
    Handled(Box<Event>),
}

/// Takes the event that the drain is polled with. Called by drains of lockstep lanes only.
pub(super) fn take_handed() -> Option<Box<Event>> {
    HANDED.with(|handed| match handed.take() {
        Handed::Event(event) => {
            handed.set(Handed::Taken);
            Some(event)
        }
        other => {
            handed.set(other);
            None
        }
    })
}

/// Returns an event that was taken, when it is handled. Returns false if the drain was polled again since.
pub(super) fn give_back(event: Box<Event>) -> bool {
    HANDED.with(|handed| match handed.take() {
        Handed::Taken => {
            handed.set(Handed::Handled(event));
            true
        }
        other => {
            handed.set(other);
            false
        }
    })
}

/// The drain of a lockstep lane, which both its task and the emitter may poll.
///
/// The emitter has to wait for the handler in any case. If it polls the drain, a handler that does not wait costs no
/// switch of tasks. The poller takes the future out, so that no lock is held while the handler runs. The future is
/// always polled with the same waker, which wakes the task, because the emitter may go away at any point.
pub(super) struct Driver {
    slot: Mutex<Slot>,
    task: Arc<TaskWaker>,
    waker: Waker,
}

#[derive(Default)]
struct Slot {
    future: Option<DrainFuture>,
    taken: bool,
    /// A poll found the future taken.
    missed: bool,
    /// The task is gone, and the future must be dropped.
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
    pub(super) fn new(future: DrainFuture) -> Arc<Self> {
        let task = Arc::new(TaskWaker(AtomicWaker::new()));
        let slot = Slot { future: Some(future), ..Slot::default() };
        Arc::new(Self { slot: Mutex::new(slot), waker: Arc::clone(&task).into(), task })
    }

    /// Returns the task that polls the drain when the emitter does not.
    pub(super) fn task(self: Arc<Self>) -> DriverTask {
        DriverTask(self)
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

impl Drive for Driver {
    /// Polls the drain, unless another thread does at the moment. Then that thread wakes the task, which polls again.
    fn drive(&self) -> Poll<()> {
        let future = {
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
        self.poll(future, Handed::Nothing, |_, _| {}).0
    }

    fn hand_over(&self, event: Box<Event>, lane: &Lane) -> HandedOver {
        let future = {
            let mut slot = lock(&self.slot);
            let Some(future) = slot.future.take() else { return HandedOver::Refused };
            slot.taken = true;
            future
        };
        let before_others = |poll: Poll<()>, handed: &Handed| {
            if let (Poll::Pending, Handed::Taken) = (poll, handed) {
                lane.kept();
            }
        };
        match self.poll(future, Handed::Event(event), before_others).1 {
            Handed::Handled(event) => HandedOver::Handled(event),
            Handed::Event(_) => HandedOver::Refused,
            Handed::Taken | Handed::Nothing => HandedOver::Kept,
        }
    }
}

impl Driver {
    /// Polls the drain, which this thread has taken out. Returns what is left of what it was handed.
    fn poll(
        &self,
        mut future: DrainFuture,
        handed: Handed,
        before_others: impl FnOnce(Poll<()>, &Handed),
    ) -> (Poll<()>, Handed) {
        // A handler may drive the drain of another run.
        let outer = HANDED.replace(handed);
        let poll = future.as_mut().poll(&mut Context::from_waker(&self.waker));
        let left = HANDED.replace(outer);
        before_others(poll, &left);
        let mut done = Some(future);
        let missed = {
            let mut slot = lock(&self.slot);
            slot.taken = false;
            if poll.is_pending() && !slot.abandoned {
                slot.future = done.take();
            }
            std::mem::take(&mut slot.missed)
        };
        // What is left of a detached handler is user code too.
        let _ = catch(|| drop(done));
        // The task ends with the drain, though the handler's last future may have woken nothing.
        if missed || poll.is_ready() {
            self.task.0.wake();
        }
        (poll, left)
    }
}

/// The task of a lockstep lane.
pub(super) struct DriverTask(Arc<Driver>);

impl Future for DriverTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.task.0.register(cx.waker());
        self.0.drive()
    }
}

impl Drop for DriverTask {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
