//! Where async handlers run: a task for each run and handler, which sleeps while there is nothing to
//! tell and ends with the run.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
};

use futures_util::FutureExt;

use super::{FaultKind, fault::panic_message, lane::LaneRef};
use crate::{event::Event, handler::AsyncCallbackHandler, run::InRun};

/// The private twin of [`AsyncCallbackHandler`] that can be a trait object. It erases the loop over a
/// run's events rather than the call of one, so that an event costs no boxed future.
pub(crate) trait Drain: Send + Sync {
    fn drain(self: Arc<Self>, task: DrainTask) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl<H: AsyncCallbackHandler> Drain for H {
    fn drain(self: Arc<Self>, task: DrainTask) -> Pin<Box<dyn Future<Output = ()> + Send>> {
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

pub(crate) fn start(handler: &Arc<dyn Drain>, lane_ref: LaneRef) {
    let Some(runtime) = lane_ref.lane().runtime().cloned() else { return };
    let dispatch = Arc::clone(&lane_ref.dispatch);
    let index = lane_ref.index;
    let task = DrainTask(lane_ref);
    let future = Arc::clone(handler).drain(task);
    let start = || runtime.spawn(future).abort_handle();
    if let Ok(task) = catch_unwind(AssertUnwindSafe(start)) {
        dispatch.lane(index).set_task(task);
    }
}

async fn run<H: AsyncCallbackHandler>(handler: Arc<H>, task: DrainTask) {
    let lane_ref = &task.0;
    let (lane, run) = (lane_ref.lane(), lane_ref.run());
    let control = run.control();
    let context = lane.context();
    let mut batch: Vec<Event> = Vec::new();
    loop {
        poll_fn(|cx| {
            let taken = lane.poll_take(&mut batch, control, cx);
            if taken.is_pending() && batch.capacity() > 4 {
                // A burst is over: a run that waits for its next token holds little memory.
                batch = Vec::new();
            }
            taken
        })
        .await;
        for event in batch.drain(..) {
            if lane.is_dead() {
                return;
            }
            let kind = event.kind();
            lane.begin(kind, control);
            if lane.cell.interests.contains(kind) {
                let call = async { handler.on_event(run, &event).await };
                let call = InRun::new(call, context.clone());
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
        // Handlers that never wait must not keep the worker from other tasks.
        poll_fn(|cx| tokio::task::coop::poll_proceed(cx).map(|progress| progress.made_progress()))
            .await;
    }
}
