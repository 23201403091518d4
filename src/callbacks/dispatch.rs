use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::SystemTime,
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
    event::{Content, CustomEvent, Event, EventData, EventKind, TextBlock, Token},
    handler::{CallbackHandler, Interests},
    run::{Context, EmitError, EventSink, Run},
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

/// The lanes that tokens go to, and what it takes to tell one: kept by the emitter, which alone tells
/// tokens.
pub(crate) struct TokenLanes {
    inline: Vec<InlineLane>,
    queued: Vec<usize>,
    /// One of the queued ones asks when a token came.
    times: bool,
    /// What inline handlers see.
    buffer: Event,
    /// Where the texts of queued tokens are.
    texts: TextBlock,
}

/// A lane to an inline handler, with what a call of it needs.
struct InlineLane {
    index: usize,
    handler: Arc<dyn CallbackHandler>,
    context: Context,
}

impl TokenLanes {
    pub(crate) fn of(dispatch: &Dispatch) -> Self {
        let inline = dispatch.lanes.iter().filter(|lane| lane.cell.is_inline()).count();
        let mut to = Self {
            inline: Vec::with_capacity(inline),
            queued: Vec::with_capacity(dispatch.lanes.len() - inline),
            times: false,
            buffer: Event::token_buffer(),
            texts: TextBlock::default(),
        };
        for (index, lane) in dispatch.lanes.iter().enumerate() {
            if !lane.cell.interests.contains(EventKind::LlmNewToken) {
                continue;
            }
            if let (true, Code::Blocking(handler)) = (lane.cell.is_inline(), &lane.cell.code) {
                let handler = Arc::clone(handler);
                to.inline.push(InlineLane { index, handler, context: lane.context() });
            } else {
                to.queued.push(index);
                to.times |= lane.driver().is_none()
                    && lane.cell.interests.intersects(Interests::TOKEN_TIMES);
            }
        }
        to
    }
}

const FREE: u8 = 0;
const TAKEN: u8 = 1;
/// Taken, and there is something in the backlog, or the run's task waits for the role to be free.
const MORE: u8 = 2;

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
            lanes.push(Lane::new(Arc::clone(cell), runtime, run.inside()));
        }
        let dispatch = Arc::new(Self {
            run,
            lanes: lanes.into(),
            seq: AtomicU64::new(0),
            role: AtomicU8::new(FREE),
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
        if self.role.load(Ordering::Acquire) == FREE {
            return false;
        }
        // Marked, so that the thread does not leave without a look back.
        let marked = self.role.compare_exchange(TAKEN, MORE, Ordering::AcqRel, Ordering::Acquire);
        marked != Err(FREE)
    }

    /// How many events were posted and are not told yet, the one that is being told aside.
    pub(crate) fn untold(&self) -> usize {
        lock(&self.backlog).queue.len()
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

    /// Tells a token, or leaves it to the thread that is telling an event.
    #[inline]
    pub(crate) fn token(self: &Arc<Self>, index: u64, content: Content<'_>, to: &mut TokenLanes) {
        if self.role.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Acquire).is_err() {
            let token = Token::shared(index, content, &mut to.texts);
            self.post(EventData::LlmNewToken(token));
            return;
        }
        let seq = self.next_seq();
        if !to.inline.is_empty() {
            to.buffer.set_seq(seq);
            if let Some(token) = to.buffer.buffered_token() {
                token.refill(index, &content);
            }
            for InlineLane { index, handler, context } in &mut to.inline {
                if !self.lanes[*index].is_dead() {
                    inline::call_handler(&**handler, self, *index, context, &to.buffer);
                }
            }
        }
        if !to.queued.is_empty() {
            let time = to.times.then(SystemTime::now);
            let token = EventData::LlmNewToken(Token::shared(index, content, &mut to.texts));
            self.push_token(Event::new(seq, time, token), &to.queued);
        }
        self.release();
    }

    #[inline]
    fn push_token(self: &Arc<Self>, event: Event, lanes: &[usize]) {
        let mut event = Some(event);
        for (nth, &index) in lanes.iter().enumerate() {
            let lane = &self.lanes[index];
            if lane.is_dead() || !lane.reserve_token() {
                continue;
            }
            // The last one gets the original.
            let is_last = nth + 1 == lanes.len();
            let Some(event) = (if is_last { event.take() } else { event.clone() }) else {
                continue;
            };
            let pushed =
                if lane.driver().is_some() { lane.push_to_drive(event) } else { lane.push(event) };
            if !matches!(pushed, Pushed::Nothing) {
                self.follow_up(index, pushed);
            }
        }
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
    pub(crate) fn skip(&self) {
        self.next_seq();
    }

    /// Only called by the one who dispatches.
    #[inline]
    fn next_seq(&self) -> u64 {
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

    fn release(self: &Arc<Self>) {
        let mut awaited = false;
        while let Err(_more) =
            self.role.compare_exchange(TAKEN, FREE, Ordering::AcqRel, Ordering::Acquire)
        {
            self.role.store(TAKEN, Ordering::Release);
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
        let pushed = self.lanes[index].push(event);
        self.follow_up(index, pushed);
    }

    fn follow_up(self: &Arc<Self>, index: usize, pushed: Pushed) {
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

    /// Gives up on a handler in this run, and reports it.
    ///
    /// Only when it is reported is the handler waited for no longer: neither the call nor a flush
    /// overtakes the report, or the abort that comes with it.
    pub(crate) fn give_up(&self, index: usize, kind: FaultKind, describe: impl FnOnce(&mut Fault)) {
        struct Release<'a>(&'a Lane, &'a Run);
        impl Drop for Release<'_> {
            fn drop(&mut self) {
                let Release(lane, run) = self;
                if let Some(key) = lane.end(run.control()) {
                    lane.cell.watch.remove(key);
                }
                // Whoever waits for room need not wait any more.
                run.control().wake();
            }
        }
        let lane = &self.lanes[index];
        let Some(given_up) = lane.give_up() else { return };
        let _release = Release(lane, &self.run);
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
