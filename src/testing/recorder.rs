use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    event::{Event, EventData, EventKind, LlmResult, RunError},
    handler::{AsyncCallbackHandler, CallbackHandler},
    run::{Run, RunType},
    sync::lock,
};

/// A handler that remembers what it is told: blocking, async or inline, as it is added.
///
/// Clones share one recording, and count as one instance.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Recording>);

#[derive(Debug, Default)]
struct Recording {
    events: Mutex<Vec<Recorded>>,
    /// Runs in which the recorder is being told something right now.
    inside: Mutex<HashSet<Uuid>>,
}

/// One event, with what its run was.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recorded {
    /// The run's id.
    pub run_id: Uuid,
    /// Its parent's id.
    pub parent_run_id: Option<Uuid>,
    /// Its root's id.
    pub root_run_id: Uuid,
    /// What it was an execution of.
    pub run_type: RunType,
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: Vec<Arc<str>>,
    /// Its metadata.
    pub metadata: Map<String, Value>,
    /// Its attempt.
    pub attempt: u32,
    /// The event's number in the run.
    pub seq: u64,
    /// When it happened.
    pub time: SystemTime,
    /// What it told.
    pub data: EventData,
    /// It was told while another event of the same run still was.
    pub overlapped: bool,
}

impl Recorded {
    /// Which event it was.
    pub fn kind(&self) -> EventKind {
        self.data.kind()
    }

    /// The text of a token.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            EventData::LlmNewToken(token) => Some(token.text()),
            _ => None,
        }
    }

    /// The result that a terminal event of a model call carries.
    pub fn result(&self) -> Option<&LlmResult> {
        match &self.data {
            EventData::LlmEnd(result) => Some(result),
            EventData::LlmError(error) => Some(error.result()),
            _ => None,
        }
    }

    /// The error that a terminal event carries.
    pub fn error(&self) -> Option<&RunError> {
        match &self.data {
            EventData::LlmError(error)
            | EventData::ChainError(error)
            | EventData::ToolError(error)
            | EventData::RetrieverError(error) => Some(error),
            _ => None,
        }
    }
}

impl Recorder {
    /// A recorder that was told nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything it was told, in that order.
    pub fn events(&self) -> Vec<Recorded> {
        lock(&self.0.events).clone()
    }

    /// The kinds of everything it was told.
    pub fn kinds(&self) -> Vec<EventKind> {
        lock(&self.0.events).iter().map(Recorded::kind).collect()
    }

    /// What it was told of one run.
    pub fn run(&self, run_id: Uuid) -> Vec<Recorded> {
        let events = lock(&self.0.events);
        events.iter().filter(|event| event.run_id == run_id).cloned().collect()
    }

    /// The ids of the runs that it heard of, in the order of their first events.
    pub fn run_ids(&self) -> Vec<Uuid> {
        let mut ids = Vec::new();
        let mut seen = HashSet::new();
        for event in lock(&self.0.events).iter() {
            if seen.insert(event.run_id) {
                ids.push(event.run_id);
            }
        }
        ids
    }

    /// The texts of all tokens, together.
    pub fn text(&self) -> String {
        lock(&self.0.events).iter().filter_map(Recorded::text).collect()
    }

    /// The terminal events that it was told.
    pub fn terminals(&self) -> Vec<Recorded> {
        let events = lock(&self.0.events);
        events.iter().filter(|event| event.kind().is_terminal()).cloned().collect()
    }

    fn enter(&self, run: &Run, event: &Event) {
        let overlapped = !lock(&self.0.inside).insert(run.run_id());
        let recorded = Recorded {
            run_id: run.run_id(),
            parent_run_id: run.parent_run_id(),
            root_run_id: run.root_run_id(),
            run_type: run.run_type(),
            name: run.name().to_owned(),
            tags: run.tags().to_vec(),
            metadata: run.metadata().clone(),
            attempt: run.attempt(),
            seq: event.seq(),
            time: event.time(),
            data: event.data().clone(),
            overlapped,
        };
        lock(&self.0.events).push(recorded);
    }

    fn leave(&self, run: &Run) {
        lock(&self.0.inside).remove(&run.run_id());
    }

    fn address(&self) -> Option<usize> {
        Some(Arc::as_ptr(&self.0).cast::<()>() as usize)
    }
}

impl CallbackHandler for Recorder {
    fn identity(&self) -> Option<usize> {
        self.address()
    }

    fn on_event(&self, run: &Run, event: &Event) {
        self.enter(run, event);
        self.leave(run);
    }
}

impl AsyncCallbackHandler for Recorder {
    fn identity(&self) -> Option<usize> {
        self.address()
    }

    async fn on_event(&self, run: &Run, event: &Event) {
        self.enter(run, event);
        tokio::task::yield_now().await;
        self.leave(run);
    }
}
