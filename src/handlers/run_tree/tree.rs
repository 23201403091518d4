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

/// A run with its events and the runs inside it, collected by [`RunTrees`](super::RunTrees).
///
/// The `Display` form has one line for each run with its duration and token counts, but no content. A tree serializes
/// as an object with nested children.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunTree {
    /// The run's id.
    pub run_id: Uuid,
    /// The parent's id. The parent of the tree's root is not in the tree.
    pub parent_run_id: Option<Uuid>,
    /// The id of the root run of the whole trace.
    pub root_run_id: Uuid,
    /// The type of the run.
    pub run_type: RunType,
    /// The run's name.
    pub name: Arc<str>,
    /// The run's tags.
    pub tags: Arc<[Arc<str>]>,
    /// The run's metadata.
    pub metadata: Arc<Map<String, Value>>,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The time of the start, by the wall clock.
    pub start_time: SystemTime,
    /// The time from start to end. `None` if the run had not ended when the tree was evicted.
    pub duration: Option<Duration>,
    /// The data of the start event.
    pub start: EventData,
    /// The data of the terminal event. `None` if the run had not ended when the tree was evicted.
    pub end: Option<EventData>,
    /// The first 64 custom events and retries.
    pub events: Vec<TreeEvent>,
    /// The runs inside the run, in the order in which they started.
    pub children: Vec<RunTree>,
}

/// A custom event or a retry of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TreeEvent {
    /// The time of the event.
    pub time: SystemTime,
    /// The data of the event.
    pub data: EventData,
}

impl RunTree {
    /// Copies a run that starts. Keeping the [`Run`] would keep the callbacks that its children inherit, which keep
    /// the tree.
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

    /// Returns the result of a model's run, which is partial after an error.
    pub fn result(&self) -> Option<&LlmResult> {
        self.end.as_ref()?.result()
    }

    /// Returns the input of a chain, tool or retriever, if it was captured.
    pub fn input(&self) -> Option<&Value> {
        match &self.start {
            EventData::RunStart(_, input) => input.input.as_ref(),
            _ => None,
        }
    }

    /// Returns the output of a chain, tool or retriever, if it was captured.
    pub fn output(&self) -> Option<&Value> {
        match &self.end {
            Some(EventData::RunEnd(_, output)) => output.output.as_ref(),
            _ => self.error().and_then(RunError::output),
        }
    }

    /// Returns the run's error, if it failed.
    pub fn error(&self) -> Option<&RunError> {
        self.end.as_ref()?.error()
    }

    /// Returns the number of runs in the tree, including this one.
    pub fn len(&self) -> usize {
        1 + self.children.iter().map(RunTree::len).sum::<usize>()
    }

    /// Returns `false`: a tree has at least one run.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Finds the first run with a name, including this one, in the order of the `Display` form.
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
