use std::{sync::Arc, time::SystemTime};

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    event::{EventData, EventKind, LlmResult, RunError},
    run::RunType,
};

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
