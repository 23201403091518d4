use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

use serde_json::Value;
use tokio::runtime::Handle;

use super::{
    Fault, FaultKind,
    cell::Cell,
    drain,
    handler::Code,
    inline,
    lane::{Lane, LaneRef, Pushed},
    pool,
};
use crate::{
    event::{CustomEvent, Event, EventData, EventKind},
    handler::Interests,
    run::{EmitError, EventSink, Run},
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
    run: Run,
    lanes: Box<[Lane]>,
    interests: Interests,
    seq: AtomicU64,
    role: AtomicU8,
    backlog: Mutex<Backlog>,
}

#[derive(Default)]
struct Backlog {
    queue: VecDeque<Posted>,
    /// The terminal event was posted.
    closed: bool,
}

struct Posted {
    data: EventData,
    /// Of a custom or retry event: which lanes have a place for it.
    places: Option<Box<[bool]>>,
}

const FREE: u8 = 0;
const TAKEN: u8 = 1;
/// Taken, and there is something in the backlog.
const MORE: u8 = 2;

impl Dispatch {
    /// Prepares a lane for each handler that can hear of the run.
    pub(crate) fn new(run: Run, cells: &[Arc<Cell>]) -> Arc<Self> {
        let mut interests = Interests::NONE;
        let mut lanes = Vec::with_capacity(cells.len());
        for cell in cells {
            let runtime = match open(cell) {
                Ok(runtime) => runtime,
                Err(kind) => {
                    Fault::new(kind, cell, &run).report(cell, &run);
                    continue;
                }
            };
            interests = interests | cell.interests;
            lanes.push(Lane::new(Arc::clone(cell), runtime, run.inside()));
        }
        let dispatch = Arc::new(Self {
            run,
            lanes: lanes.into(),
            interests,
            seq: AtomicU64::new(0),
            role: AtomicU8::new(FREE),
            backlog: Mutex::default(),
        });
        let sink: Arc<dyn EventSink> = dispatch.clone();
        dispatch.run.set_sink(Arc::downgrade(&sink));
        for (index, lane) in dispatch.lanes.iter().enumerate() {
            if let Some(runtime) = lane.runtime() {
                let lane_ref = LaneRef { dispatch: Arc::clone(&dispatch), index };
                let key = lane.cell.watch.add(&lane.cell, &lane_ref, runtime);
                lane.set_watch_key(key);
            }
        }
        dispatch
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    pub(crate) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    pub(crate) fn lane(&self, index: usize) -> &Lane {
        &self.lanes[index]
    }

    pub(crate) fn wants(&self, kind: EventKind) -> bool {
        self.interests.contains(kind)
    }

    /// Whether another thread is dispatching, so that what was posted may not be told yet.
    pub(crate) fn is_busy(&self) -> bool {
        self.role.load(Ordering::Acquire) != FREE
    }

    /// Tells an event, or leaves it to the thread that is telling one. False after the terminal.
    pub(crate) fn post(self: &Arc<Self>, data: EventData) -> bool {
        self.post_with(Posted { data, places: None })
    }

    fn post_with(self: &Arc<Self>, posted: Posted) -> bool {
        {
            let mut backlog = lock(&self.backlog);
            if backlog.closed {
                return false;
            }
            backlog.closed = posted.data.kind().is_terminal();
            backlog.queue.push_back(posted);
        }
        loop {
            match self.role.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    self.work_off();
                    self.release();
                    return true;
                }
                Err(MORE) => return true,
                Err(_) => {
                    let marked = self.role.compare_exchange(
                        TAKEN,
                        MORE,
                        Ordering::AcqRel,
                        Ordering::Acquire,
                    );
                    if marked.is_ok() {
                        return true;
                    }
                }
            }
        }
    }

    /// Tells the token in a buffer. False if another thread is dispatching: then it was left to it.
    pub(crate) fn token(self: &Arc<Self>, buffer: &mut Event) -> bool {
        if self.role.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Acquire).is_err() {
            self.post(buffer.share(self.run.now()).into_data());
            return false;
        }
        buffer.set_seq(self.next_seq());
        let mut shared: Option<Event> = None;
        for (index, lane) in self.lanes.iter().enumerate() {
            if !lane.wants(EventKind::LlmNewToken) {
                continue;
            }
            if lane.cell.is_inline() {
                inline::call(self, index, &mut lane.context(), buffer);
            } else if lane.reserve_token() {
                let event = shared.get_or_insert_with(|| buffer.share(self.run.now()));
                self.push(index, event.clone());
            }
        }
        self.release();
        true
    }

    /// Counts a token that nobody wants.
    pub(crate) fn skip_token(&self) {
        self.seq.fetch_add(1, Ordering::Relaxed);
    }

    fn next_seq(&self) -> u64 {
        self.seq.fetch_add(1, Ordering::Relaxed)
    }

    fn work_off(self: &Arc<Self>) {
        loop {
            let Some(posted) = lock(&self.backlog).queue.pop_front() else { return };
            self.tell(posted);
        }
    }

    fn release(self: &Arc<Self>) {
        while let Err(_more) =
            self.role.compare_exchange(TAKEN, FREE, Ordering::AcqRel, Ordering::Acquire)
        {
            self.role.store(TAKEN, Ordering::Release);
            self.work_off();
            // The emitter may wait for what was left to this thread.
            self.run.control().wake();
        }
    }

    fn tell(self: &Arc<Self>, posted: Posted) {
        let event = Event::new(self.next_seq(), Some(self.run.now()), posted.data);
        let kind = event.kind();
        for (index, lane) in self.lanes.iter().enumerate() {
            if !lane.wants(kind) {
                // The terminal ends every lane, heard or not.
                if kind.is_terminal() && !lane.cell.is_inline() && !lane.is_dead() {
                    self.end(index, &event);
                }
                continue;
            }
            if lane.cell.is_inline() {
                inline::call(self, index, &mut lane.context(), &event);
                continue;
            }
            let placed = match &posted.places {
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
        let lane = &self.lanes[index];
        match lane.push(event) {
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

    /// Gives up on a handler in this run, and reports it.
    pub(crate) fn give_up(&self, index: usize, kind: FaultKind, describe: impl FnOnce(&mut Fault)) {
        let lane = &self.lanes[index];
        let Some(given_up) = lane.give_up(self.run.control()) else { return };
        if let Some(key) = given_up.watch_key {
            lane.cell.watch.remove(key);
        }
        if let Some(task) = given_up.task {
            task.abort();
        }
        let mut fault = Fault::new(kind, &lane.cell, &self.run);
        fault.lost_events = given_up.lost;
        describe(&mut fault);
        drop(given_up.events);
        fault.report(&lane.cell, &self.run);
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

impl EventSink for Dispatch {
    fn emit(self: Arc<Self>, name: &str, value: Value) -> Result<(), EmitError> {
        let mut full = 0;
        let places = self
            .lanes
            .iter()
            .map(|lane| {
                if lane.cell.is_inline() || !lane.wants(EventKind::Custom) {
                    return false;
                }
                let reserved = lane.reserve();
                full += usize::from(!reserved);
                reserved
            })
            .collect();
        let data = EventData::Custom(Arc::new(CustomEvent::new(name, value)));
        if !self.post_with(Posted { data, places: Some(places) }) {
            return Err(EmitError::ended());
        }
        if full > 0 { Err(EmitError::full(full)) } else { Ok(()) }
    }
}
