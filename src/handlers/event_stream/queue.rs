use std::{
    collections::{HashMap, VecDeque},
    fmt, mem,
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

/// The maximum number of unread starts and ends if calls do not wait for the reader. Beyond it, runs that start are
/// left out.
const MAX_STARTS_AND_ENDS: usize = 20_000;

/// The unread events of a stream, in the order in which they were emitted.
pub(super) struct Queue {
    config: QueueConfig,
    state: Mutex<QueueState>,
    reader: AtomicWaker,
    /// Notifies calls that wait for room.
    read: Notify,
}

pub(super) struct QueueConfig {
    pub(super) filter: Filter,
    pub(super) wanted: EventMask,
    pub(super) capacity: usize,
    /// Whether calls wait for room. Otherwise events that do not fit are dropped.
    pub(super) waits: bool,
    /// Whether the stream is limited to the first root run, and ends with it.
    pub(super) ends_with_root: bool,
}

#[derive(Default)]
struct QueueState {
    events: VecDeque<RunEvent>,
    ended: bool,
    root: Option<Uuid>,
    /// The runs of the stream that have not ended.
    runs: HashMap<Uuid, RunState>,
    starts_and_ends: usize,
}

#[derive(Default)]
struct RunState {
    /// The number of unread events, start and end aside.
    unread: usize,
    dropped_tokens: u64,
}

impl Queue {
    pub(super) fn new(config: QueueConfig) -> Arc<Self> {
        let (state, reader, read) = (Mutex::default(), AtomicWaker::new(), Notify::new());
        Arc::new(Self { config, state, reader, read })
    }

    pub(super) fn waits(&self) -> bool {
        self.config.waits
    }

    pub(super) fn wanted(&self) -> EventMask {
        self.config.wanted
    }

    /// Returns whether the stream yields the event.
    pub(super) fn wants(&self, run: &Run, kind: EventKind) -> bool {
        let QueueConfig { filter, wanted, .. } = &self.config;
        wanted.wants_in(kind, run.run_type()) && filter.matches(run)
    }

    /// Adds an event, if the stream yields it.
    pub(super) fn push(&self, run: &Run, event: &Event) {
        let wants = self.wants(run, event.kind());
        let ended = {
            let mut state = lock(&self.state);
            if state.ended {
                return;
            }
            state.push(&self.config, run, event, wants);
            state.ended
        };
        self.reader.wake();
        if ended {
            self.read.notify_waiters();
        }
    }

    /// Accepts no more events. Those in the queue can still be read.
    pub(super) fn end(&self) {
        lock(&self.state).ended = true;
        self.reader.wake();
        self.read.notify_waiters();
    }

    /// Discards all events, because the reader is gone.
    pub(super) fn detach(&self) {
        let ended = QueueState { ended: true, ..QueueState::default() };
        let unread = mem::replace(&mut *lock(&self.state), ended);
        self.read.notify_waiters();
        // Not under the lock: the events may hold the last references to the callbacks.
        drop((unread, self.reader.take()));
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
        if self.config.waits {
            self.read.notify_waiters();
        }
        Poll::Ready(Some(event))
    }

    /// Waits until the queue is within its capacity, unless the run has ended or is not in the stream.
    pub(super) async fn room(&self, run_id: Uuid) {
        loop {
            let mut read = pin!(self.read.notified());
            read.as_mut().enable();
            {
                let state = lock(&self.state);
                let has_room = state.events.len() <= self.config.capacity;
                if state.ended || has_room || !state.runs.contains_key(&run_id) {
                    return;
                }
            }
            read.await;
        }
    }
}

impl QueueState {
    fn push(&mut self, config: &QueueConfig, run: &Run, event: &Event, wants: bool) {
        let (run_id, kind) = (run.run_id(), event.kind());
        if kind.is_start() {
            let root = *self.root.get_or_insert(run_id);
            let in_tree = run_id == root || run.parent_ids().contains(&root);
            let has_room = config.waits || self.starts_and_ends < MAX_STARTS_AND_ENDS;
            if (in_tree || !config.ends_with_root) && has_room {
                self.runs.insert(run_id, RunState::default());
            }
        }
        let Some(state) = self.runs.get_mut(&run_id) else { return };
        let is_edge = kind.is_start() || kind.is_terminal();
        let has_room = config.waits || is_edge || state.unread < config.capacity;
        if wants && has_room {
            self.starts_and_ends += usize::from(is_edge);
            state.unread += usize::from(!is_edge);
            self.events.push_back(RunEvent::new(run, event, state.dropped_tokens));
        } else if wants {
            state.dropped_tokens += u64::from(kind == EventKind::LlmNewToken);
        }
        if kind.is_terminal() {
            self.runs.remove(&run_id);
            self.ended = config.ends_with_root && self.root == Some(run_id);
        }
    }

    fn read(&mut self) -> Option<RunEvent> {
        let event = self.events.pop_front()?;
        let kind = event.kind();
        if kind.is_start() || kind.is_terminal() {
            self.starts_and_ends -= 1;
        } else if let Some(state) = self.runs.get_mut(&event.run().run_id()) {
            state.unread = state.unread.saturating_sub(1);
        }
        Some(event)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("ended", &lock(&self.state).ended).finish_non_exhaustive()
    }
}
