//! Where async handlers run: a task for each run and handler, which sleeps while there is nothing to
//! tell and ends with the run.

use std::{
    any::Any,
    collections::VecDeque,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::{runtime::Handle, task::AbortHandle};

use super::{
    FaultKind,
    driver::{DrainFuture, DriverTask},
    fault::panic_message,
    lane::{BATCH, LaneRef, SPARE},
};
use crate::{event::Event, handler::AsyncCallbackHandler, run::Context as RunContext};

/// The private twin of [`AsyncCallbackHandler`] that can be a trait object. It erases the loop over a
/// run's events rather than the call of one, so that an event costs no boxed future.
pub(crate) trait Drain: Send + Sync {
    fn drain(self: Arc<Self>, task: DrainTask) -> DrainFuture;

    /// Spawns the drain, without a box of its own.
    fn spawn(self: Arc<Self>, task: DrainTask, runtime: &Handle) -> AbortHandle;
}

impl<H: AsyncCallbackHandler> Drain for H {
    fn drain(self: Arc<Self>, task: DrainTask) -> DrainFuture {
        Box::pin(run(self, task))
    }

    fn spawn(self: Arc<Self>, task: DrainTask, runtime: &Handle) -> AbortHandle {
        runtime.spawn(run(self, task)).abort_handle()
    }
}

/// The lane that a task drains. Dropped before its end, the runtime is gone, and the events are lost.
pub(crate) struct DrainTask(LaneRef);

impl Drop for DrainTask {
    fn drop(&mut self) {
        let LaneRef { dispatch, index } = &self.0;
        dispatch.give_up(*index, FaultKind::RuntimeShutDown, |_| {});
    }
}

pin_project! {
    /// A handler's future, in the context that handlers run in. Gives the payload if it panics.
    struct Call<'a, F> {
        context: &'a mut RunContext,
        #[pin]
        future: F,
    }
}

impl<F: Future<Output = ()>> Future for Call<'_, F> {
    type Output = Result<(), Payload>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (context, future) = (this.context, this.future);
        let poll = || context.swapped(|| future.poll(cx));
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }
}

type Payload = Box<dyn Any + Send>;

pub(crate) fn start(handler: &Arc<dyn Drain>, lane_ref: LaneRef) {
    let Some(runtime) = lane_ref.lane().runtime().cloned() else { return };
    let dispatch = Arc::clone(&lane_ref.dispatch);
    let index = lane_ref.index;
    let task = DrainTask(lane_ref.clone());
    let handler = Arc::clone(handler);
    let start = || match dispatch.lane(index).driver() {
        None => handler.spawn(task, &runtime),
        Some(driver) => {
            driver.set(handler.drain(task));
            runtime.spawn(DriverTask::new(lane_ref)).abort_handle()
        }
    };
    if let Ok(task) = catch_unwind(AssertUnwindSafe(start)) {
        dispatch.lane(index).set_task(task);
    }
}

async fn run<H: AsyncCallbackHandler>(handler: Arc<H>, task: DrainTask) {
    let lane_ref = &task.0;
    let (lane, run) = (lane_ref.lane(), lane_ref.run());
    let control = run.control();
    let interests = lane.cell.interests;
    let mut context = lane.context();
    let mut batch: VecDeque<Event> = VecDeque::with_capacity(1);
    let (mut last_batch, mut since_break) = (0, 0);
    loop {
        poll_fn(|cx| {
            let taken = lane.poll_take(&mut batch, control, cx);
            if taken.is_pending() && last_batch <= SPARE && batch.capacity() > SPARE {
                batch = VecDeque::new();
            }
            taken
        })
        .await;
        last_batch = batch.len();
        while let Some(event) = batch.pop_front() {
            if lane.is_dead() {
                return;
            }
            let kind = event.kind();
            lane.begin(kind, control);
            if interests.contains(kind) {
                // In a block of its own: it may panic before there is a future, too.
                let future = async { handler.on_event(run, &event).await };
                let done = Call { context: &mut context, future }.await;
                if let Err(payload) = done {
                    let LaneRef { dispatch, index } = lane_ref;
                    // Also if it was given up on before: the payload must not be dropped unguarded.
                    let message = panic_message(payload);
                    dispatch.give_up(*index, FaultKind::Panicked, |fault| {
                        fault.event = Some(kind);
                        fault.panic_message = message;
                    });
                    return;
                }
            }
            lane.finish_one();
            if kind.is_terminal() {
                if let Some(key) = lane.end(control) {
                    lane.cell.watch.remove(key);
                }
                return;
            }
        }
        since_break += last_batch;
        if since_break < BATCH {
            continue;
        }
        // Handlers that never wait must not keep the worker from other tasks.
        since_break = 0;
        poll_fn(|cx| tokio::task::coop::poll_proceed(cx).map(|progress| progress.made_progress()))
            .await;
    }
}
