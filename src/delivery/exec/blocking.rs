//! Runs a blocking handler on threads of its own.

use std::{
    collections::VecDeque,
    hint, mem,
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use tokio::{runtime::Handle, time::sleep};

use super::{
    pool::{Pool, Ready, WakeUp},
    runtimes::Runtimes,
    watch::Watch,
};
use crate::{
    delivery::{
        Executor, FaultKind, Lane, LaneRef, Notify, Settings, dispatch::call, queue::BATCH,
    },
    event::Event,
    panics::catch,
    paused_clock::PausedClock,
};

/// How often a worker looks for more, and how long it idles between two looks.
const LOOKS: usize = 40;
const IDLE_SPINS: usize = 30;

/// The executor of a blocking handler.
pub(super) struct Blocking {
    pub(super) handler: Arc<dyn Notify>,
    /// The name of the threads: that of the handler.
    name: Arc<str>,
    pub(super) pool: Arc<Pool>,
    linger: Duration,
    watch: Arc<Watch>,
}

/// What a worker thread keeps between two lanes.
pub(super) struct Worker {
    pub(super) batch: VecDeque<Event>,
    pub(super) runtimes: Runtimes,
}

impl Blocking {
    pub(super) fn new(handler: Arc<dyn Notify>, name: Arc<str>, settings: &Settings) -> Self {
        let linger = settings.linger();
        let pool = Arc::new(Pool::new(settings.threads, linger));
        Self { handler, name, pool, linger, watch: Watch::new(settings.deadline) }
    }

    pub(super) fn wake(self: &Arc<Self>, wake_up: &WakeUp) {
        let WakeUp::New = wake_up else { return };
        let name = thread_name(&self.name);
        let (pool, blocking) = (Arc::clone(&self.pool), Arc::downgrade(self));
        if thread::Builder::new().name(name).spawn(move || work(&pool, &blocking)).is_err() {
            for Ready { lane, .. } in self.pool.worker_failed() {
                lane.detach(FaultKind::NoThread, |_| {});
            }
        }
    }

    fn end_gathering(self: &Arc<Self>, clock: Option<PausedClock>) {
        let clock = clock.map(Arc::new);
        self.wake(&self.pool.hurry(clock.as_ref()));
    }

    /// Handles the events of a lane, in the runtime of its run.
    fn drain(&self, lane_ref: &LaneRef, worker: &mut Worker) -> Turn {
        let Worker { batch, runtimes } = worker;
        let lane = lane_ref.lane();
        let control = lane_ref.run().control();
        let mut _entered = lane.runtime().and_then(|runtime| runtimes.enter(runtime));
        let mut scope = lane.scope();
        let mut handled = 0;
        let mut last_batch = 0;
        loop {
            if lane.is_burst(last_batch) {
                look_for_more(lane_ref);
            }
            if !lane.take(batch, BATCH, control) {
                lane_ref.dispatch.settled();
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
                if runtimes.must_leave(lane.runtime(), event.is_cancelled()) {
                    _entered = None;
                }
                let LaneRef { dispatch, index } = lane_ref;
                if lane.slot.event_mask.wants(kind)
                    && !call(&*self.handler, dispatch, *index, &mut scope, &event)
                {
                    batch.clear();
                    return Turn::Done;
                }
                lane.finish_one(kind);
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

impl Drop for Blocking {
    fn drop(&mut self) {
        self.pool.close();
    }
}

/// Returns the name of a handler's threads: that of its type without its path, since systems show few characters.
fn thread_name(handler: &str) -> String {
    let name = handler.split('<').next().unwrap_or_default();
    let name = name.rsplit("::").next().unwrap_or_default();
    // A NUL byte would be an error.
    name.replace('\0', "")
}

/// The thread of a worker. While it idles, it does not keep the handler.
fn work(pool: &Pool, blocking: &Weak<Blocking>) {
    let batch = VecDeque::with_capacity(BATCH);
    let mut worker = Worker { batch, runtimes: Runtimes::default() };
    let mut begins = true;
    let mut taken = Vec::new();
    while let Some(wake_up) = pool.next(mem::take(&mut begins), &mut taken) {
        let Some(blocking) = blocking.upgrade() else {
            unreachable!("a lane keeps its handler");
        };
        blocking.wake(&wake_up);
        if blocking.handler.takes_batches() != Some(false) {
            blocking.drain_together(&mut taken, &mut worker);
            continue;
        }
        let Some(ready) = taken.pop() else { continue };
        // A handler that took batches and refuses one has several.
        pool.add_again(mem::take(&mut taken));
        if blocking.drain(&ready.lane, &mut worker) == Turn::Interrupted {
            pool.add_again(vec![ready]);
        }
    }
}

impl Executor for Blocking {
    fn opened(&self, lane: &LaneRef) -> u32 {
        self.watch.add(lane, None)
    }

    fn start(self: Arc<Self>, lane: LaneRef) {
        let clock = inside(lane.lane(), PausedClock::hold).map(Arc::new);
        self.wake(&self.pool.add(Ready { lane, _clock: clock }));
    }

    /// A thread cannot wait by a clock that is paused: then the runtime waits.
    fn gather(self: Arc<Self>, lane: LaneRef) {
        let Some(runtime) = inside(lane.lane(), PausedClock::current) else {
            return self.wake(&self.pool.gather(lane));
        };
        if self.pool.gather_by_runtime(lane.clone()) {
            let hurry = HurryOnDrop(Arc::downgrade(&self));
            let linger = self.linger;
            let wait = async move {
                sleep(linger).await;
                drop(hurry);
            };
            // `spawn` panics while the runtime shuts down.
            drop(catch(|| runtime.spawn(wait)));
        }
        // As in `Gathering::add`: it was cut short before it came there.
        if !lane.lane().gathers() {
            self.hurry(lane.lane());
        }
    }

    fn hurry(self: Arc<Self>, lane: &Lane) {
        self.end_gathering(inside(lane, PausedClock::hold));
    }

    fn ended(&self, key: u32) {
        self.watch.remove(key);
    }

    fn lanes(&self) -> Vec<LaneRef> {
        self.watch.lanes()
    }
}

/// Has the lanes drained that gather, when a runtime has measured the linger or shuts down.
struct HurryOnDrop(Weak<Blocking>);

impl Drop for HurryOnDrop {
    fn drop(&mut self) {
        if let Some(blocking) = self.0.upgrade() {
            blocking.end_gathering(PausedClock::hold());
        }
    }
}

/// Calls a closure in a runtime: that of a lane, if there is no current one. A thread of another handler may get here
/// after its last event, and that of the deadlines: outside of runtimes.
fn inside<T>(lane: &Lane, f: impl FnOnce() -> T) -> T {
    let runtime = match Handle::try_current() {
        Ok(_) => None,
        Err(_) => lane.runtime(),
    };
    let _entered = runtime.map(Handle::enter);
    f()
}

#[derive(PartialEq, Eq)]
enum Turn {
    /// The lane has no more events.
    Done,
    /// The lane has more events, but it is another run's turn.
    Interrupted,
}

pub(super) fn look_for_more(lane_ref: &LaneRef) {
    for _ in 0..LOOKS {
        if lane_ref.lane().looks_ready() {
            return;
        }
        for _ in 0..IDLE_SPINS {
            hint::spin_loop();
        }
    }
}
