use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use tokio::runtime::Handle;

use super::role::Role;
use crate::{
    callbacks::{
        Fault, FaultKind,
        cell::Cell,
        drain, inline,
        lane::{Lane, LaneRef, Pushed},
        pool,
        registration::Code,
    },
    event::{Event, EventData, EventKind},
    run::{EventSink, Run},
    sync::lock,
};

/// Where a run's events become numbered and go to each handler's lane.
///
/// One thread at a time dispatches: it takes the *role*. Whoever finds it taken leaves the event in
/// the backlog, and the one who has the role tells it next. So a run's events have one order for all
/// handlers, nobody waits, and no lock is held while a handler runs.
///
/// Held by the emitter, and by whoever drains a lane; the run itself refers to it weakly, so that a
/// handler which keeps runs does not keep itself.
pub(crate) struct Dispatch {
    pub(super) run: Run,
    pub(super) lanes: Box<[Lane]>,
    seq: AtomicU64,
    pub(super) role: Role,
    backlog: Mutex<Backlog>,
}

#[derive(Default)]
struct Backlog {
    queue: VecDeque<Posted>,
    /// The terminal event was posted.
    closed: bool,
}

pub(super) struct Posted {
    pub(super) data: EventData,
    /// Of a custom or retry event: which lanes have a place for it.
    pub(super) places: Option<Box<[bool]>>,
}

impl Dispatch {
    /// Prepares a lane for each handler that can hear of the run.
    pub(crate) fn new(run: Run, cells: &[Arc<Cell>]) -> Arc<Self> {
        let mut lanes = Vec::with_capacity(cells.len());
        for cell in cells {
            let runtime = match open(cell) {
                Ok(runtime) => runtime,
                Err(kind) => {
                    Fault::new(kind, cell, &run).report(cell, &run);
                    continue;
                }
            };
            lanes.push(Lane::new(Arc::clone(cell), runtime, &run));
        }
        let dispatch = Arc::new(Self {
            run,
            lanes: lanes.into(),
            seq: AtomicU64::new(0),
            role: Role::default(),
            backlog: Mutex::default(),
        });
        let sink: Arc<dyn EventSink> = dispatch.clone();
        dispatch.run.set_sink(Arc::downgrade(&sink));
        let callers = Handle::try_current().ok();
        for (index, lane) in dispatch.lanes.iter().enumerate() {
            if let Some(runtime) = lane.runtime() {
                let runtime = callers.as_ref().unwrap_or(runtime);
                let lane_ref = LaneRef { dispatch: Arc::clone(&dispatch), index };
                let key = lane.cell.watch.add(&lane.cell, &lane_ref, runtime);
                lane.set_watch_key(key);
            }
        }
        dispatch
    }

    #[inline]
    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    #[inline]
    pub(crate) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    pub(crate) fn lane(&self, index: usize) -> &Lane {
        &self.lanes[index]
    }

    /// Whether another thread is dispatching, so that what was posted may not be told yet. If so, the
    /// run's task, and a flush, are woken when that thread is through. (They register before they ask.)
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        self.role.is_taken()
    }

    /// How many events were posted and are not told yet, the one that is being told aside.
    pub(crate) fn untold(&self) -> usize {
        lock(&self.backlog).queue.len()
    }

    /// Tells an event, or leaves it to the thread that is telling one. False after the terminal.
    pub(crate) fn post(self: &Arc<Self>, data: EventData) -> bool {
        self.post_with(Posted { data, places: None })
    }

    pub(super) fn post_with(self: &Arc<Self>, posted: Posted) -> bool {
        self.post_together([Some(posted), None])
    }

    /// Posts events between which no other comes.
    pub(super) fn post_together(self: &Arc<Self>, events: [Option<Posted>; 2]) -> bool {
        {
            let mut backlog = lock(&self.backlog);
            if backlog.closed {
                return false;
            }
            for posted in events.into_iter().flatten() {
                backlog.closed = posted.data.kind().is_terminal();
                backlog.queue.push_back(posted);
            }
        }
        if self.role.take_or_mark() {
            self.work_off();
            self.release();
        }
        true
    }

    /// Polls the drains that the emitter drives itself.
    pub(crate) fn drive(&self) {
        for lane in &self.lanes {
            if let Some(driver) = lane.driver() {
                // The handler's futures are its runtime's, whoever polls them.
                let _in_runtime = lane.runtime().map(Handle::enter);
                // When it is done, the lane has ended.
                let _done = driver.drive();
            }
        }
    }

    /// Counts an event that nobody wants, before any other is told.
    pub(super) fn skip(&self) {
        self.next_seq();
    }

    /// Only called by the one who dispatches.
    #[inline]
    pub(super) fn next_seq(&self) -> u64 {
        let seq = self.seq.load(Ordering::Relaxed);
        self.seq.store(seq + 1, Ordering::Relaxed);
        seq
    }

    fn work_off(self: &Arc<Self>) {
        loop {
            let Some(posted) = lock(&self.backlog).queue.pop_front() else { return };
            self.tell(posted);
        }
    }

    pub(super) fn release(self: &Arc<Self>) {
        let mut awaited = false;
        while !self.role.give_back() {
            self.work_off();
            awaited = true;
        }
        if awaited {
            // The emitter, or a flush, may wait for what was left to this thread, or for the role to
            // be free.
            self.run.control().wake();
            self.lanes.iter().for_each(|lane| lane.cell.progressed());
        }
    }

    fn tell(self: &Arc<Self>, posted: Posted) {
        let event = Event::new(self.next_seq(), Some(SystemTime::now()), posted.data);
        self.tell_event(&event, posted.places.as_deref());
    }

    /// Tells an event that was numbered elsewhere. Only of a run that is [relayed](Self::relayed): there is one
    /// who tells.
    pub(crate) fn relay(self: &Arc<Self>, event: &Event) {
        if self.role.try_take() {
            self.tell_event(event, None);
            self.release();
        }
    }

    /// Nothing is posted here: the run's events are numbered elsewhere, and it is neither emitted through nor
    /// aborted here.
    pub(crate) fn relayed(&self) {
        lock(&self.backlog).closed = true;
        self.run.control().end();
    }

    fn tell_event(self: &Arc<Self>, event: &Event, places: Option<&[bool]>) {
        let kind = event.kind();
        for (index, lane) in self.lanes.iter().enumerate() {
            if !lane.wants(kind) {
                // The terminal ends every lane, heard or not.
                if kind.is_terminal() && !lane.cell.is_inline() && !lane.is_dead() {
                    self.end(index, event);
                }
                continue;
            }
            if lane.cell.is_inline() {
                inline::call(self, index, &mut lane.context(), event);
                continue;
            }
            let placed = match places {
                Some(places) => places[index],
                None => kind != EventKind::LlmNewToken || lane.reserve_token(),
            };
            if !placed {
                continue;
            }
            let dropped = if kind.is_terminal() { lane.dropped_tokens() } else { 0 };
            let told = if dropped > 0 {
                event.with_data(event.data().with_dropped_tokens(dropped))
            } else {
                event.clone()
            };
            self.push(index, told);
        }
    }

    fn push(self: &Arc<Self>, index: usize, event: Event) {
        let pushed = self.lanes[index].push(event);
        self.follow_up(index, pushed);
    }

    pub(super) fn follow_up(self: &Arc<Self>, index: usize, pushed: Pushed) {
        let lane = &self.lanes[index];
        match pushed {
            Pushed::Nothing => {}
            Pushed::Wake(waker) => waker.wake(),
            Pushed::Start => {
                let lane_ref = LaneRef { dispatch: Arc::clone(self), index };
                match &lane.cell.code {
                    Code::Blocking(_) => pool::schedule(lane_ref),
                    Code::Asynchronous(handler) => drain::start(handler, lane_ref),
                }
            }
        }
    }

    /// Ends a lane whose handler does not want the terminal event.
    fn end(self: &Arc<Self>, index: usize, terminal: &Event) {
        let lane = &self.lanes[index];
        if !lane.is_unstarted() {
            self.push(index, terminal.clone());
        } else if let Some(key) = lane.end(self.run.control()) {
            lane.cell.watch.remove(key);
        }
    }
}

/// The runtime that a lane to this handler needs.
fn open(cell: &Cell) -> Result<Option<Handle>, FaultKind> {
    if cell.is_inline() {
        return Ok(None);
    }
    if !cell.takes_another_run() {
        return Err(FaultKind::TooManyRuns);
    }
    cell.shared.runtime().map(Some).ok_or(FaultKind::NoRuntime)
}
