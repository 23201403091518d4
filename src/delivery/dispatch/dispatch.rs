use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::runtime::Handle;

use super::flag::DispatchFlag;
use crate::{
    delivery::{
        Delivery, Fault, FaultKind, Hooks, Slot, hooks,
        queue::{Lane, Pushed},
        suspension::Admission,
    },
    event::EventData,
    run::{Abort, EventSink, Run},
    sync::lock,
};

/// Numbers a run's events and fans them out to the lanes of its handlers.
///
/// One thread dispatches at a time: the one that has set the [`DispatchFlag`]. A thread that finds it set leaves its
/// event in the backlog, and the dispatching thread takes it from there (flat combining). So a run's events have one
/// order for all handlers, no thread waits, and no lock is held while a handler runs.
///
/// Held by the emitter and by the drains of its lanes. The run refers to it weakly, so that a handler that keeps runs
/// does not keep itself.
pub(crate) struct Dispatch {
    run: Run,
    lanes: Box<[Lane]>,
    members: Box<[Arc<Member>]>,
    seq: AtomicU64,
    pub(super) flag: DispatchFlag,
    pub(super) backlog: Mutex<Backlog>,
    /// Whether a terminal event was left and not dispatched, readable without the lock.
    pub(super) is_ending: AtomicBool,
}

/// A handler of a set: what it is, what drains its lanes, and the settings of the set.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) slot: Arc<Slot>,
    /// `None` for inline handlers.
    pub(crate) executor: Option<Arc<dyn Executor>>,
    pub(crate) hooks: Hooks,
    pub(crate) runtime: Option<Handle>,
}

impl Member {
    /// Returns the handler as a part of another set, whose hooks apply too, and whose runtime if it has none.
    pub(crate) fn in_set(&self, hooks: &Hooks, runtime: Option<&Handle>) -> Arc<Self> {
        let mut member = self.clone();
        member.hooks.merge(hooks);
        member.runtime = member.runtime.or_else(|| runtime.cloned());
        Arc::new(member)
    }
}

/// What drains the lanes of a handler.
///
/// The dispatch starts executors through this trait, and knows neither threads nor tasks.
pub(crate) trait Executor: Send + Sync {
    /// Watches the deadline of a new lane. Returns a key for [`ended`](Self::ended).
    fn opened(&self, lane: &LaneRef) -> u32;

    /// Drains a lane that became active.
    fn start(self: Arc<Self>, lane: LaneRef);

    /// Drains a lane when the handler's linger is over, unless it [gathers](Lane::gathers) no more: then at once.
    fn gather(self: Arc<Self>, lane: LaneRef);

    /// Has the lanes that gather drained at once, because of this one. Not for lanes whose drain is a task.
    fn hurry(self: Arc<Self>, lane: &Lane);

    /// A lane has ended.
    fn ended(&self, key: u32);

    /// Returns the lanes that have not ended.
    fn lanes(&self) -> Vec<LaneRef>;
}

/// The terminal event of a run, before it is emitted.
pub(crate) trait Terminal: Send {
    /// Returns the event. An abort that came before overrides how the run ended.
    fn emit(self: Box<Self>, run: &Run, abort: Option<&Abort>) -> EventData;
}

/// A lane of a run, as its drain holds it.
#[derive(Clone)]
pub(crate) struct LaneRef {
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) index: usize,
}

#[derive(Default)]
pub(super) struct Backlog {
    pub(super) queue: VecDeque<Enqueued>,
    /// The terminal event was enqueued.
    pub(super) closed: bool,
    /// The terminal event that waits for awaited handlers.
    pub(super) terminal: Option<Box<dyn Terminal>>,
}

impl Backlog {
    /// Takes the next event. Gives the memory back behind the last one: of most runs only the start and the end are
    /// enqueued.
    pub(super) fn pop(&mut self) -> Option<Enqueued> {
        let next = self.queue.pop_front();
        if next.is_none() {
            self.queue = VecDeque::new();
        }
        next
    }
}

pub(super) struct Enqueued {
    pub(super) data: EventData,
    /// For a custom or retry event: which lanes have a place for it.
    pub(super) places: Option<Box<[bool]>>,
}

impl Dispatch {
    /// Opens a lane for each handler of the run.
    pub(crate) fn new(run: Run, members: Vec<Arc<Member>>) -> Arc<Self> {
        let mut lanes = Vec::with_capacity(members.len());
        let members = members.into_iter().filter(|member| {
            let Member { slot, hooks, .. } = &**member;
            let admitted = runtime(member).map(|runtime| (runtime, slot.suspension.admit()));
            match admitted {
                Ok((_, Admission::Suspended)) => false,
                Ok((runtime, admission)) => {
                    let is_probe = admission == Admission::Probe;
                    lanes.push(Lane::new(Arc::clone(slot), hooks.clone(), runtime, &run, is_probe));
                    true
                }
                Err(kind) => {
                    report(slot, hooks, &run, &Fault::new(kind, &slot.name, run.run_id()));
                    false
                }
            }
        });
        let members = members.collect();
        let dispatch = Arc::new(Self {
            run,
            lanes: lanes.into(),
            members,
            seq: AtomicU64::new(0),
            flag: DispatchFlag::default(),
            backlog: Mutex::default(),
            is_ending: AtomicBool::new(false),
        });
        let sink: Arc<dyn EventSink> = dispatch.clone();
        dispatch.run.set_sink(Arc::downgrade(&sink));
        dispatch.watch();
        dispatch
    }

    /// Has the deadlines of the lanes watched.
    fn watch(self: &Arc<Self>) {
        for (index, lane) in self.lanes.iter().enumerate() {
            if let Some(executor) = self.executor(index) {
                let lane_ref = LaneRef { dispatch: Arc::clone(self), index };
                lane.set_watch_key(executor.opened(&lane_ref));
            }
        }
    }

    #[inline]
    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    #[inline]
    pub(crate) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    pub(super) fn executor(&self, index: usize) -> Option<&Arc<dyn Executor>> {
        self.members[index].executor.as_ref()
    }

    /// Whether another thread dispatches, so that an enqueued event may not be in its lanes yet. If so, the run's task
    /// and a flush are woken when that thread is through. They register before they call this.
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        self.flag.is_set()
    }

    /// Clears the flag, after the backlog is empty.
    #[inline]
    pub(super) fn release(self: &Arc<Self>) {
        if !self.flag.clear() {
            self.release_marked();
        }
    }

    /// Returns how many events are in the backlog.
    pub(crate) fn backlog(&self) -> usize {
        lock(&self.backlog).queue.len()
    }

    /// Whether the handlers with some deliveries have finished every event. If not, the run's task is woken when they
    /// have, and the terminal event that was left is emitted.
    pub(crate) fn are_drained(&self, which: impl Fn(Delivery) -> bool) -> bool {
        // Read first: an event that another thread has still to dispatch is in no lane, and may be in one when that
        // thread is through.
        let busy = self.is_busy();
        // Every lane is asked, so that each wakes the task when it is drained.
        let lanes = self.lanes.iter();
        let undrained = lanes.enumerate().filter(|(index, lane)| {
            let undrained = which(lane.delivery()) && !lane.is_drained();
            if undrained {
                self.hurry(*index);
            }
            undrained
        });
        undrained.count() == 0 && !busy
    }

    /// Cuts the gathering of a lane short, because something waits for its events.
    pub(crate) fn hurry(&self, index: usize) {
        let lane = &self.lanes[index];
        match lane.hurry() {
            Pushed::Wake(waker) => waker.wake(),
            Pushed::Hurry => {
                if let Some(executor) = self.executor(index) {
                    Arc::clone(executor).hurry(lane);
                }
            }
            Pushed::Nothing | Pushed::Start | Pushed::Gather => {}
        }
    }

    /// Polls the drains that the emitter drives.
    pub(crate) fn drive(&self) {
        for lane in &self.lanes {
            if let Some(driver) = lane.driver().filter(|_| lane.is_active()) {
                // The handler's futures belong to its runtime, whichever thread polls them.
                let _in_runtime = lane.runtime().map(Handle::enter);
                // When the drain is done, the lane has ended.
                let _done = driver.drive();
            }
        }
    }

    /// Returns the next number. Called by the dispatching thread only, hence plain loads and stores.
    #[inline]
    pub(super) fn next_seq(&self) -> u64 {
        let seq = self.seq.load(Ordering::Relaxed);
        self.seq.store(seq + 1, Ordering::Relaxed);
        seq
    }
}

impl LaneRef {
    pub(crate) fn lane(&self) -> &Lane {
        &self.dispatch.lanes[self.index]
    }

    pub(crate) fn run(&self) -> &Run {
        &self.dispatch.run
    }
}

/// Reports a fault, and aborts the call if the handler was registered so.
///
/// Hooks run in the scope of the handler: calls that they make do not notify it.
pub(super) fn report(slot: &Slot, hooks: &Hooks, run: &Run, fault: &Fault) {
    slot.count_fault();
    slot.scope_in(run).enter(|| hooks.report(fault));
    if slot.settings.abort_on_fault {
        hooks::abort(run, fault);
    }
}

/// The runtime that a lane of this handler needs: that of the set, else the one that the call is made in.
fn runtime(member: &Member) -> Result<Option<Handle>, FaultKind> {
    if member.slot.is_inline() {
        return Ok(None);
    }
    if !member.slot.takes_another_run() {
        return Err(FaultKind::TooManyRuns);
    }
    let runtime = member.runtime.clone().or_else(|| Handle::try_current().ok());
    // A thread needs no runtime.
    if runtime.is_none() && member.slot.threads().is_none() {
        return Err(FaultKind::NoRuntime);
    }
    Ok(runtime)
}
