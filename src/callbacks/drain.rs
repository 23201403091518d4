//! Where async handlers run: a task for each run and handler, which sleeps while there is nothing to
//! tell and ends with the run.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::FutureExt;
use pin_project_lite::pin_project;

use super::{
    FaultKind,
    driver::{DrainFuture, DriverTask},
    fault::panic_message,
    lane::{BATCH, LaneRef},
};
use crate::{event::Event, handler::AsyncCallbackHandler, run::Context as RunContext};

/// The private twin of [`AsyncCallbackHandler`] that can be a trait object. It erases the loop over a
/// run's events rather than the call of one, so that an event costs no boxed future.
pub(crate) trait Drain: Send + Sync {
    fn drain(self: Arc<Self>, task: DrainTask) -> DrainFuture;
}

impl<H: AsyncCallbackHandler> Drain for H {
    fn drain(self: Arc<Self>, task: DrainTask) -> DrainFuture {
        Box::pin(run(self, task))
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
    /// A handler's future, in the context that handlers run in.
    struct InContext<'a, F> {
        context: &'a mut RunContext,
        #[pin]
        inner: F,
    }
}

impl<F: Future> Future for InContext<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let inner = this.inner;
        this.context.swapped(|| inner.poll(cx))
    }
}

pub(crate) fn start(handler: &Arc<dyn Drain>, lane_ref: LaneRef) {
    let Some(runtime) = lane_ref.lane().runtime().cloned() else { return };
    let dispatch = Arc::clone(&lane_ref.dispatch);
    let index = lane_ref.index;
    let future = Arc::clone(handler).drain(DrainTask(lane_ref.clone()));
    let start = || match dispatch.lane(index).driver() {
        None => runtime.spawn(future).abort_handle(),
        Some(driver) => {
            driver.set(future);
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
    let mut context = lane.context();
    let mut batch: VecDeque<Event> = VecDeque::new();
    let mut since_break = 0;
    loop {
        poll_fn(|cx| {
            let taken = lane.poll_take(&mut batch, control, cx);
            if taken.is_pending() && batch.capacity() > 4 {
                // A burst is over: a run that waits for its next token holds little memory.
                batch = VecDeque::new();
            }
            taken
        })
        .await;
        let handled = batch.len();
        while let Some(event) = batch.pop_front() {
            if lane.is_dead() {
                return;
            }
            let kind = event.kind();
            lane.begin(kind, control);
            if lane.cell.interests.contains(kind) {
                let call = async { handler.on_event(run, &event).await };
                let call = InContext { context: &mut context, inner: call };
                if let Err(payload) = AssertUnwindSafe(call).catch_unwind().await {
                    let LaneRef { dispatch, index } = lane_ref;
                    dispatch.give_up(*index, FaultKind::Panicked, |fault| {
                        fault.event = Some(kind);
                        fault.panic_message = panic_message(&*payload);
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
        since_break += handled;
        if since_break < BATCH {
            continue;
        }
        // Handlers that never wait must not keep the worker from other tasks.
        since_break = 0;
        poll_fn(|cx| tokio::task::coop::poll_proceed(cx).map(|progress| progress.made_progress()))
            .await;
    }
}
