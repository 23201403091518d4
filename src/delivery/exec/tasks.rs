//! Runs an async handler: a task for each run, which sleeps while there are no events and ends with the run.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::FutureExt;
use pin_project_lite::pin_project;
use tokio::{runtime::Handle, task::AbortHandle};

use super::{
    driver::{DrainFuture, Driver, give_back, take_handed},
    linger::Linger,
    watch::Watch,
};
use crate::{
    delivery::{
        Executor, FaultKind, Lane, LaneRef, Settings,
        dispatch::{Outcome, failed},
        queue::{BATCH, SPARE},
    },
    event::{Event, EventKind},
    handler::{AsyncCallbackHandler, BatchError, BatchEvent},
    panics::{Panic, catch},
    run::Scope,
};

/// The executor of an async handler.
pub(super) struct Tasks {
    handler: Arc<dyn Drain>,
    watch: Arc<Watch>,
    linger: Arc<Linger>,
}

impl Tasks {
    pub(super) fn new(handler: Arc<dyn Drain>, settings: &Settings) -> Self {
        let linger = Arc::new(Linger::new(settings.linger()));
        Self { handler, watch: Watch::new(settings.deadline), linger }
    }
}

impl Executor for Tasks {
    fn opened(&self, lane: &LaneRef) -> u32 {
        self.watch.add(lane, lane.lane().runtime())
    }

    fn start(self: Arc<Self>, lane_ref: LaneRef) {
        let Some(runtime) = lane_ref.lane().runtime().cloned() else { return };
        let task = DrainTask(lane_ref.clone());
        let handler = Arc::clone(&self.handler);
        let start = || {
            if !lane_ref.lane().is_driven() {
                return handler.spawn(task, &runtime);
            }
            let driver = Driver::new(handler.drain(task));
            lane_ref.lane().set_driver(driver.clone());
            runtime.spawn(driver.task()).abort_handle()
        };
        // `spawn` may panic while the runtime shuts down. The task is dropped, and detaches the handler.
        if let Ok(task) = catch(start) {
            lane_ref.lane().set_task(task);
        }
    }

    fn gather(self: Arc<Self>, lane: LaneRef) {
        self.linger.gather(&lane);
    }

    /// A lane that gathers is woken by whoever cuts that short.
    fn hurry(self: Arc<Self>, _lane: &Lane) {}

    fn ended(&self, key: u32) {
        self.watch.remove(key);
    }

    fn lanes(&self) -> Vec<LaneRef> {
        self.watch.lanes()
    }
}

/// The private counterpart of [`AsyncCallbackHandler`] that can be a trait object.
///
/// It erases the loop over a run's events rather than the call for one event, so that an event costs no boxed future.
pub(crate) trait Drain: Send + Sync {
    fn drain(self: Arc<Self>, task: DrainTask) -> DrainFuture;

    /// Spawns the drain, without a box.
    fn spawn(self: Arc<Self>, task: DrainTask, runtime: &Handle) -> AbortHandle;
}

impl<H: AsyncCallbackHandler> Drain for H {
    fn drain(self: Arc<Self>, task: DrainTask) -> DrainFuture {
        Box::pin(guarded(self, task))
    }

    fn spawn(self: Arc<Self>, task: DrainTask, runtime: &Handle) -> AbortHandle {
        runtime.spawn(guarded(self, task)).abort_handle()
    }
}

/// The lane that a task drains. If it is dropped before the lane has ended, the runtime is gone.
pub(crate) struct DrainTask(LaneRef);

impl Drop for DrainTask {
    fn drop(&mut self) {
        self.0.detach(FaultKind::RuntimeShutDown, |_| {});
    }
}

pin_project! {
    /// The loop over a run's events, polled in the scope of the handler. Its panic is that of the handler.
    ///
    /// One scope and one guard for each poll, since an event is often all that a handler does for microseconds.
    struct Guarded<F> {
        scope: Scope,
        // Always there until this is dropped.
        #[pin]
        events: Option<F>,
        task: DrainTask,
    }

    impl<F> PinnedDrop for Guarded<F> {
        /// What the handler's future has is dropped as its code is polled.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.scope.enter_code(|| this.events.set(None));
        }
    }
}

impl<F: Future<Output = ()>> Future for Guarded<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let (scope, events) = (this.scope, this.events.as_pin_mut());
        let Some(events) = events else { return Poll::Ready(()) };
        catch(|| scope.enter_code(|| events.poll(cx))).unwrap_or_else(|panic| {
            let lane_ref = &this.task.0;
            let event = lane_ref.lane().called_with();
            fail(lane_ref, Err(panic), event);
            Poll::Ready(())
        })
    }
}

fn guarded<H: AsyncCallbackHandler>(
    handler: Arc<H>,
    task: DrainTask,
) -> Guarded<impl Future<Output = ()> + Send> {
    let lane_ref = task.0.clone();
    Guarded { scope: lane_ref.lane().scope(), events: Some(run(handler, lane_ref)), task }
}

fn fail(lane_ref: &LaneRef, outcome: Outcome, event: EventKind) {
    let lane = lane_ref.lane();
    if !lane.is_active() {
        lane.failed_to_handle();
    }
    failed(outcome, &lane_ref.dispatch, lane_ref.index, event);
}

/// Returns which event of a batch has failed, the first one if that is not known, and how.
fn in_batch(outcome: Result<(), BatchError>, events: usize) -> (usize, Outcome) {
    let failure = outcome.map_err(|error| error.in_batch(events));
    let failed_at = failure.as_ref().err().and_then(|(failed, _)| *failed).unwrap_or(0);
    (failed_at, Ok(failure.map_err(|(_, error)| error)))
}

async fn run<H: AsyncCallbackHandler>(handler: Arc<H>, lane_ref: LaneRef) {
    let (lane, run) = (lane_ref.lane(), lane_ref.run());
    let control = run.control();
    let event_mask = lane.slot.event_mask;
    let mut batch: VecDeque<Event> = VecDeque::with_capacity(1);
    let (mut last_batch, mut since_break) = (0, 0);
    let (is_driven, mut handled_at_once) = (lane.is_driven(), false);
    // Its answer to the first event says whether the handler takes batches. A lockstep handler has one event at a time.
    let mut takes_batches = Some(false).filter(|_| is_driven);
    loop {
        let mut handed = None;
        poll_fn(|cx| {
            if is_driven {
                handed = take_handed();
                if handed.is_some() {
                    return Poll::Ready(());
                }
                if std::mem::take(&mut handled_at_once) {
                    // Nothing was queued, and the waker is there from before.
                    return Poll::Pending;
                }
            }
            let taken = lane.poll_take(&mut batch, control, cx);
            if taken.is_pending() {
                if last_batch <= SPARE && batch.capacity() > SPARE {
                    batch = VecDeque::new();
                }
                lane_ref.dispatch.settled();
            }
            taken
        })
        .await;
        if let Some(event) = handed {
            let kind = event.kind();
            lane.calls(kind);
            if let Err(error) = handler.try_on_event(run, &event).await {
                return fail(&lane_ref, Ok(Err(error)), kind);
            }
            handled_at_once = give_back(event);
            if !handled_at_once {
                lane.finish_one(kind);
            }
            continue;
        }
        last_batch = batch.len();
        let mut begun = 0;
        while takes_batches != Some(false) && !batch.is_empty() {
            if lane.is_detached() {
                return;
            }
            let most = if takes_batches.is_some() { batch.len() } else { 1 };
            batch.iter().take(most).for_each(|event| lane.begin(event.kind(), control));
            let wanted = batch.iter().take(most).filter(|event| event_mask.wants(event.kind()));
            let events: Vec<_> = wanted.map(|event| BatchEvent::new(run, event)).collect();
            if !events.is_empty() {
                // In a block, because the method may panic before it returns a future.
                let handled = AssertUnwindSafe(async { handler.on_events(&events).await });
                match handled.catch_unwind().await {
                    Ok(Ok(())) => takes_batches = Some(true),
                    Ok(Err(error)) if error.is_one_by_one() => {
                        takes_batches = Some(false);
                        begun = most;
                        break;
                    }
                    outcome => {
                        let (failed_at, outcome) = match outcome {
                            Ok(outcome) => in_batch(outcome, events.len()),
                            Err(payload) => (0, Err(Panic::new(payload))),
                        };
                        let event = events[failed_at].event;
                        let before = batch.iter().take_while(|other| other.seq() < event.seq());
                        before.for_each(|event| lane.finish_one(event.kind()));
                        return fail(&lane_ref, outcome, event.kind());
                    }
                }
            }
            for event in batch.drain(..most) {
                lane.finish_one(event.kind());
                if event.kind().is_terminal() {
                    lane_ref.end();
                    return;
                }
            }
        }
        while let Some(event) = batch.pop_front() {
            if lane.is_detached() {
                return;
            }
            let kind = event.kind();
            if begun > 0 {
                begun -= 1;
            } else {
                lane.begin(kind, control);
            }
            if event_mask.wants(kind) {
                lane.calls(kind);
                if let Err(error) = handler.try_on_event(run, &event).await {
                    return fail(&lane_ref, Ok(Err(error)), kind);
                }
            }
            lane.finish_one(kind);
            if kind.is_terminal() {
                lane_ref.end();
                return;
            }
        }
        since_break += last_batch;
        if since_break < BATCH {
            continue;
        }
        // A handler that never waits must not keep the worker from other tasks.
        since_break = 0;
        poll_fn(|cx| tokio::task::coop::poll_proceed(cx).map(|progress| progress.made_progress()))
            .await;
    }
}
