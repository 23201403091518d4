use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    event::{Event, EventData, EventKind, LlmResult, RunError},
    handler::{AsyncCallbackHandler, CallbackHandler, Identity},
    run::{Run, RunType},
    sync::lock,
};

/// A handler that records the events it receives. Add it as a blocking, async or inline handler.
///
/// Clones share one recording, and count as one handler.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Recording>);

#[derive(Debug, Default)]
struct Recording {
    events: Mutex<Vec<Recorded>>,
    /// The runs of which the recorder is handling an event.
    inside: Mutex<HashSet<Uuid>>,
}

/// A recorded event, with the properties of its run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recorded {
    /// The run's id.
    pub run_id: Uuid,
    /// The id of the parent run.
    pub parent_run_id: Option<Uuid>,
    /// The id of the root run.
    pub root_run_id: Uuid,
    /// The type of the run.
    pub run_type: RunType,
    /// The run's name.
    pub name: String,
    /// The run's tags.
    pub tags: Vec<Arc<str>>,
    /// The run's metadata.
    pub metadata: Map<String, Value>,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The event's number in the run.
    pub seq: u64,
    /// The time of the event.
    pub time: SystemTime,
    /// The event's data.
    pub data: EventData,
    /// Whether another event of the same run was being handled at the time.
    pub overlapped: bool,
}

impl Recorded {
    /// Returns the kind of the event.
    pub fn kind(&self) -> EventKind {
        self.data.kind()
    }

    /// Returns the text of a token event.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            EventData::LlmNewToken(token) => Some(token.text()),
            _ => None,
        }
    }

    /// Returns the result of a model call's terminal event.
    pub fn result(&self) -> Option<&LlmResult> {
        self.data.result()
    }

    /// Returns the error of a terminal event.
    pub fn error(&self) -> Option<&RunError> {
        self.data.error()
    }
}

impl Recorder {
    /// Creates a recorder without events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns all events, in the order in which they were received.
    pub fn events(&self) -> Vec<Recorded> {
        lock(&self.0.events).clone()
    }

    /// Returns the kinds of all events.
    pub fn kinds(&self) -> Vec<EventKind> {
        lock(&self.0.events).iter().map(Recorded::kind).collect()
    }

    /// Returns the events of one run.
    pub fn run(&self, run_id: Uuid) -> Vec<Recorded> {
        let events = lock(&self.0.events);
        events.iter().filter(|event| event.run_id == run_id).cloned().collect()
    }

    /// Returns the ids of all runs, in the order of their first events.
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

    /// Returns the texts of all tokens, concatenated.
    pub fn text(&self) -> String {
        lock(&self.0.events).iter().filter_map(Recorded::text).collect()
    }

    /// Returns all terminal events.
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

    fn shared(&self) -> Identity {
        Identity::of(&self.0)
    }
}

impl CallbackHandler for Recorder {
    fn identity(&self) -> Option<Identity> {
        Some(self.shared())
    }

    fn on_event(&self, run: &Run, event: &Event) {
        self.enter(run, event);
        self.leave(run);
    }
}

impl AsyncCallbackHandler for Recorder {
    fn identity(&self) -> Option<Identity> {
        Some(self.shared())
    }

    async fn on_event(&self, run: &Run, event: &Event) {
        self.enter(run, event);
        tokio::task::yield_now().await;
        self.leave(run);
    }
}
