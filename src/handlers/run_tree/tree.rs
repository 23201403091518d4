use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    event::{Data, Event, EventData, LlmResult, RunError},
    run::{Run, RunInfo, RunType},
};

/// A run with what was told of it, and the runs inside it: of [`RunTrees`](super::RunTrees).
///
/// Its `Display` form is the tree, a line a run, with times and token counts, but without contents. As JSON
/// it is an object with the children inside.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunTree {
    /// The run's id.
    pub run_id: Uuid,
    /// Its parent's id; of the tree's root it is that of a run which is not in the tree, if any.
    pub parent_run_id: Option<Uuid>,
    /// The id of the root run of the whole trace.
    pub root_run_id: Uuid,
    /// What it was an execution of.
    pub run_type: RunType,
    /// Its name.
    pub name: Arc<str>,
    /// Its tags.
    pub tags: Arc<[Arc<str>]>,
    /// Its metadata.
    pub metadata: Arc<Map<String, Value>>,
    /// Which attempt it was.
    pub attempt: u32,
    /// When it started, by the wall clock.
    pub start_time: SystemTime,
    /// From its start to its end; none where it had not ended when the tree was given up.
    pub duration: Option<Duration>,
    /// What its start told.
    pub start: EventData,
    /// What its terminal event told; none where it had not ended when the tree was given up.
    pub end: Option<EventData>,
    /// Its custom events and retries, the first 64.
    pub events: Vec<TreeEvent>,
    /// The runs inside it, in the order in which they started.
    pub children: Vec<RunTree>,
}

/// A custom event or a retry of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TreeEvent {
    /// When it happened.
    pub time: SystemTime,
    /// What it told.
    pub data: EventData,
}

impl RunTree {
    /// A run that starts. It does not keep the run itself, which would keep the callbacks that its children
    /// inherit, and they the tree.
    pub(super) fn new(run: &Run, start: EventData) -> Self {
        let RunInfo { name, tags, metadata, .. } = run.info();
        Self {
            run_id: run.run_id(),
            parent_run_id: run.parent_run_id(),
            root_run_id: run.root_run_id(),
            run_type: run.run_type(),
            name: Arc::clone(name),
            tags: Arc::clone(tags),
            metadata: Arc::clone(metadata),
            attempt: run.attempt(),
            start_time: run.start_time(),
            duration: None,
            start,
            end: None,
            events: Vec::new(),
            children: Vec::new(),
        }
    }

    /// The answer of a model's run, whole or as far as it came.
    pub fn result(&self) -> Option<&LlmResult> {
        match &self.end {
            Some(EventData::LlmEnd(result)) => Some(result),
            Some(EventData::LlmError(error)) => Some(error.result()),
            _ => None,
        }
    }

    /// What a chain, tool or retriever was given, where that is captured.
    pub fn input(&self) -> Option<&Value> {
        match &self.start {
            EventData::ChainStart(input)
            | EventData::ToolStart(input)
            | EventData::RetrieverStart(input) => input.input.as_ref(),
            _ => None,
        }
    }

    /// What a chain, tool or retriever made of it, where that is captured.
    pub fn output(&self) -> Option<&Value> {
        match &self.end {
            Some(
                EventData::ChainEnd(output)
                | EventData::ToolEnd(output)
                | EventData::RetrieverEnd(output),
            ) => output.output.as_ref(),
            _ => self.error().and_then(RunError::output),
        }
    }

    /// How it failed, if it did.
    pub fn error(&self) -> Option<&RunError> {
        match &self.end {
            Some(
                EventData::LlmError(error)
                | EventData::ChainError(error)
                | EventData::ToolError(error)
                | EventData::RetrieverError(error),
            ) => Some(error),
            _ => None,
        }
    }

    /// How many runs it has, itself included.
    pub fn len(&self) -> usize {
        1 + self.children.iter().map(RunTree::len).sum::<usize>()
    }

    /// Always false: there is the run itself.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The first run with a name, itself included, in the order of the `Display` form.
    pub fn find(&self, name: &str) -> Option<&RunTree> {
        if *self.name == *name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }
}

impl TreeEvent {
    pub(super) fn new(event: &Event) -> Self {
        Self { time: event.time(), data: event.data().clone() }
    }
}

impl Serialize for RunTree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tree = serializer.serialize_map(Some(15))?;
        tree.serialize_entry("run_id", &self.run_id)?;
        tree.serialize_entry("parent_run_id", &self.parent_run_id)?;
        tree.serialize_entry("root_run_id", &self.root_run_id)?;
        tree.serialize_entry("run_type", self.run_type.as_str())?;
        tree.serialize_entry("name", &self.name)?;
        tree.serialize_entry("attempt", &self.attempt)?;
        tree.serialize_entry("tags", &self.tags)?;
        tree.serialize_entry("metadata", &self.metadata)?;
        tree.serialize_entry("start_time", &timestamp(self.start_time))?;
        let duration = self.duration.map(|duration| duration.as_secs_f64() * 1e3);
        tree.serialize_entry("duration_ms", &duration)?;
        tree.serialize_entry("start", &Data(&self.start))?;
        tree.serialize_entry("ended_by", &self.end.as_ref().map(|end| end.kind().as_str()))?;
        tree.serialize_entry("end", &self.end.as_ref().map(Data))?;
        tree.serialize_entry("events", &self.events)?;
        tree.serialize_entry("children", &self.children)?;
        tree.end()
    }
}

impl Serialize for TreeEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serializer.serialize_map(Some(3))?;
        event.serialize_entry("event", self.data.kind().as_str())?;
        event.serialize_entry("time", &timestamp(self.time))?;
        event.serialize_entry("data", &Data(&self.data))?;
        event.end()
    }
}

fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_micros(time).to_string()
}
