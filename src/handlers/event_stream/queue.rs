use std::{
    collections::{HashMap, VecDeque},
    mem,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{RunEvent, filter::Filter};
use crate::{
    event::{Event, EventKind},
    handler::EventMask,
    run::Run,
    sync::lock,
};

/// How many starts and ends wait to be read at most, where calls do not wait for whoever reads: beyond, runs
/// that start are left out.
const MOST_STARTS_AND_ENDS: usize = 20_000;

/// The events of a stream that wait to be read, in the order in which they were told.
pub(super) struct Queue {
    settings: Settings,
    state: Mutex<State>,
    reader: AtomicWaker,
    /// Tells the calls that wait for room.
    read: Notify,
}

pub(super) struct Settings {
    pub(super) filter: Filter,
    pub(super) wanted: EventMask,
    pub(super) capacity: usize,
    /// Calls wait for room; otherwise what there is no room for is dropped.
    pub(super) waits: bool,
    /// The stream is that of the first run which is seen, and ends with it.
    pub(super) ends_with_root: bool,
}

#[derive(Default)]
struct State {
    events: VecDeque<RunEvent>,
    ended: bool,
    root: Option<Uuid>,
    /// Those that are given and have not ended.
    runs: HashMap<Uuid, Unread>,
    starts_and_ends: usize,
}

/// What of a run waits to be read, start and end aside, and what there was no room for.
#[derive(Default)]
struct Unread {
    waiting: usize,
    dropped_tokens: u64,
}

impl Queue {
    pub(super) fn new(settings: Settings) -> Arc<Self> {
        let (state, reader, read) = (Mutex::default(), AtomicWaker::new(), Notify::new());
        Arc::new(Self { settings, state, reader, read })
    }

    pub(super) fn waits(&self) -> bool {
        self.settings.waits
    }

    pub(super) fn wanted(&self) -> EventMask {
        self.settings.wanted
    }

    /// Whether somebody may read the event.
    pub(super) fn wants(&self, run: &Run, kind: EventKind) -> bool {
        let Settings { filter, wanted, .. } = &self.settings;
        wanted.contains_in(kind, run.run_type()) && filter.lets_through(run)
    }

    /// Adds an event that is told at this moment.
    pub(super) fn tell(&self, run: &Run, event: &Event) {
        let wants = self.wants(run, event.kind());
        let ended = {
            let mut state = lock(&self.state);
            if state.ended {
                return;
            }
            state.tell(&self.settings, run, event, wants);
            state.ended
        };
        self.reader.wake();
        if ended {
            self.read.notify_waiters();
        }
    }

    /// Nothing is added any more; what there is may be read.
    pub(super) fn end(&self) {
        lock(&self.state).ended = true;
        self.reader.wake();
        self.read.notify_waiters();
    }

    /// Nobody reads any more.
    pub(super) fn detach(&self) {
        let ended = State { ended: true, ..State::default() };
        let unread = mem::replace(&mut *lock(&self.state), ended);
        self.read.notify_waiters();
        // Not under the lock: they may be the last that keep the callbacks.
        drop((unread, self.reader.take()));
    }

    pub(super) fn has_ended(&self) -> bool {
        lock(&self.state).ended
    }

    pub(super) fn poll_read(&self, cx: &Context<'_>) -> Poll<Option<RunEvent>> {
        self.reader.register(cx.waker());
        let event = {
            let mut state = lock(&self.state);
            match state.read() {
                None if state.ended => return Poll::Ready(None),
                None => return Poll::Pending,
                Some(event) => event,
            }
        };
        if self.settings.waits {
            self.read.notify_waiters();
        }
        Poll::Ready(Some(event))
    }

    /// Waits until no more events wait than may, as long as the stream gives those of the run.
    pub(super) async fn room(&self, run_id: Uuid) {
        loop {
            let mut read = pin!(self.read.notified());
            read.as_mut().enable();
            {
                let state = lock(&self.state);
                let has_room = state.events.len() <= self.settings.capacity;
                if state.ended || has_room || !state.runs.contains_key(&run_id) {
                    return;
                }
            }
            read.await;
        }
    }
}

impl State {
    fn tell(&mut self, settings: &Settings, run: &Run, event: &Event, wants: bool) {
        let (run_id, kind) = (run.run_id(), event.kind());
        if kind.is_start() {
            let root = *self.root.get_or_insert(run_id);
            let is_its = run_id == root || run.parent_ids().contains(&root);
            let has_room = settings.waits || self.starts_and_ends < MOST_STARTS_AND_ENDS;
            if (is_its || !settings.ends_with_root) && has_room {
                self.runs.insert(run_id, Unread::default());
            }
        }
        let Some(unread) = self.runs.get_mut(&run_id) else { return };
        let is_bound = kind.is_start() || kind.is_terminal();
        let has_room = settings.waits || is_bound || unread.waiting < settings.capacity;
        if wants && has_room {
            self.starts_and_ends += usize::from(is_bound);
            unread.waiting += usize::from(!is_bound);
            let event = RunEvent::told(run, event, unread.dropped_tokens);
            self.events.push_back(event);
        } else if wants {
            unread.dropped_tokens += u64::from(kind == EventKind::LlmNewToken);
        }
        if kind.is_terminal() {
            self.runs.remove(&run_id);
            self.ended = settings.ends_with_root && self.root == Some(run_id);
        }
    }

    fn read(&mut self) -> Option<RunEvent> {
        let event = self.events.pop_front()?;
        let kind = event.kind();
        if kind.is_start() || kind.is_terminal() {
            self.starts_and_ends -= 1;
        } else if let Some(unread) = self.runs.get_mut(&event.run().run_id()) {
            unread.waiting = unread.waiting.saturating_sub(1);
        }
        Some(event)
    }
}
