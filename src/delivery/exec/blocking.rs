//! Runs a blocking handler on threads of its own.

use std::{collections::VecDeque, hint, sync::Arc, thread};

use tokio::runtime::Handle;

use super::{
    pool::{Pool, WakeUp},
    watch::Watch,
};
use crate::{
    delivery::{Executor, FaultKind, LaneRef, Settings, dispatch::call, queue::BATCH},
    event::Event,
    handler::CallbackHandler,
    panics::catch,
};

/// A batch of this size means that tokens arrive in a burst. Then it pays to look for more before the queue is left.
const BURST: usize = 8;

/// How often a worker looks for more, and how long it idles between two looks.
const LOOKS: usize = 40;
const IDLE_SPINS: usize = 30;

/// The executor of a blocking handler.
pub(super) struct Blocking {
    handler: Arc<dyn CallbackHandler>,
    pool: Pool,
    watch: Arc<Watch>,
}

impl Blocking {
    pub(super) fn new(handler: Arc<dyn CallbackHandler>, settings: &Settings) -> Self {
        let (pool, watch) = (Pool::new(settings.threads), Watch::new(settings.deadline));
        Self { handler, pool, watch }
    }

    fn wake(self: &Arc<Self>, wake_up: &WakeUp, lane: &LaneRef) {
        if let WakeUp::New = wake_up {
            start_worker(Worker(Some(Arc::clone(self))), lane.lane().runtime());
        }
    }

    fn work(self: &Arc<Self>) {
        let mut batch = VecDeque::with_capacity(BATCH);
        let mut begins = true;
        while let Some((lane, wake_up)) = self.pool.next(std::mem::take(&mut begins)) {
            self.wake(&wake_up, &lane);
            if self.drain(&lane, &mut batch) == Turn::Interrupted {
                self.pool.add_again(lane);
            }
        }
    }

    fn drain(&self, lane_ref: &LaneRef, batch: &mut VecDeque<Event>) -> Turn {
        let lane = lane_ref.lane();
        let control = lane_ref.run().control();
        let mut scope = lane.scope();
        let mut handled = 0;
        let mut last_batch = 0;
        loop {
            if last_batch >= BURST {
                look_for_more(lane_ref);
            }
            if !lane.take(batch, control) {
                return Turn::Done;
            }
            last_batch = batch.len();
            handled += last_batch;
            while let Some(event) = batch.pop_front() {
                if lane.is_detached() {
                    batch.clear();
                    return Turn::Done;
                }
                let kind = event.kind();
                lane.begin(kind, control);
                let LaneRef { dispatch, index } = lane_ref;
                if lane.slot.event_mask.wants(kind)
                    && !call(&*self.handler, dispatch, *index, &mut scope, &event)
                {
                    batch.clear();
                    return Turn::Done;
                }
                lane.finish_one();
                if kind.is_terminal() {
                    lane_ref.end();
                    return Turn::Done;
                }
            }
            if handled >= BATCH {
                if self.pool.others_wait() {
                    return Turn::Interrupted;
                }
                handled = 0;
            }
        }
    }
}

impl Executor for Blocking {
    fn opened(&self, lane: &LaneRef, runtime: &Handle) -> u32 {
        self.watch.add(lane, runtime)
    }

    fn start(self: Arc<Self>, lane: LaneRef) {
        let wake_up = self.pool.add(lane.clone());
        self.wake(&wake_up, &lane);
    }

    fn ended(&self, key: u32) {
        self.watch.remove(key);
    }

    fn lanes(&self) -> Vec<LaneRef> {
        self.watch.lanes()
    }
}

#[derive(PartialEq, Eq)]
enum Turn {
    /// The lane has no more events.
    Done,
    /// The lane has more events, but it is another run's turn.
    Interrupted,
}

/// A worker that has not begun. If the runtime drops it while shutting down, it begins on a thread of its own.
struct Worker(Option<Arc<Blocking>>);

impl Worker {
    fn run(mut self) {
        if let Some(blocking) = self.0.take() {
            blocking.work();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let Some(blocking) = self.0.take() else { return };
        let worker = Arc::clone(&blocking);
        let name = "llm-callbacks".to_owned();
        if thread::Builder::new().name(name).spawn(move || worker.work()).is_err() {
            for lane in blocking.pool.worker_failed() {
                lane.detach(FaultKind::NoRuntime, |_| {});
            }
        }
    }
}

fn start_worker(worker: Worker, runtime: Option<&Handle>) {
    match runtime {
        // `spawn_blocking` panics if the system has no more threads. The worker is dropped, and tries itself.
        Some(runtime) => {
            let _ = catch(|| drop(runtime.spawn_blocking(move || worker.run())));
        }
        None => drop(worker),
    }
}

fn look_for_more(lane_ref: &LaneRef) {
    for _ in 0..LOOKS {
        if lane_ref.lane().looks_ready() {
            return;
        }
        for _ in 0..IDLE_SPINS {
            hint::spin_loop();
        }
    }
}
