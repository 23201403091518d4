use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use uuid::Uuid;

use super::{Recorded, snapshot::snapshot};
use crate::{
    event::{Event, EventData, EventKind},
    handler::{AsyncCallbackHandler, CallbackHandler, Identity},
    run::Run,
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

    /// Returns the events as JSON that is the same in each run of a test: ids of runs are numbered, times and durations
    /// left out, and the tokens of an answer are joined. For snapshots, such as those of the crate `insta`.
    ///
    /// ```
    /// use tower::{Layer, Service, ServiceExt};
    /// use tower_llm_callbacks::{CallbackLayer, Callbacks, chat::{self, ChatRequest}, testing::{Recorder, Script, ScriptedModel}};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower::BoxError> {
    /// let recorder = Recorder::new();
    /// let model = ScriptedModel::new(Script::answer(["Hel", "lo"]));
    /// let mut model = CallbackLayer::new(Callbacks::new().inline(recorder.clone())).layer(model);
    /// let answer = model.ready().await?.call(ChatRequest::new("any").user("Hi")).await?;
    /// chat::collect(answer).await?;
    ///
    /// // insta::assert_json_snapshot!(recorder.snapshot());
    /// let snapshot = recorder.snapshot();
    /// assert_eq!(snapshot[0]["data"]["messages"][0]["content"], "Hi");
    /// assert_eq!(snapshot[1], serde_json::json!({"run": 1, "event": "llm_new_token", "tokens": ["Hel", "lo"]}));
    /// assert_eq!(snapshot[2]["data"]["choices"][0]["text"], "Hello");
    /// # Ok(()) }
    /// ```
    pub fn snapshot(&self) -> Value {
        snapshot(&lock(&self.0.events))
    }

    /// Returns the prompts of all model calls, in the order of their starts. Null where content is not captured.
    pub fn prompts(&self) -> Vec<Value> {
        let events = lock(&self.0.events);
        let starts = events.iter().filter_map(|event| match &event.data {
            EventData::LlmStart(start) => Some(start.messages.get().cloned().unwrap_or_default()),
            _ => None,
        });
        starts.collect()
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
