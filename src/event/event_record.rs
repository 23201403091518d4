use std::{sync::Arc, time::SystemTime};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

use super::{
    EventData, EventKind, InvalidRecord, Partial, RECORD_VERSION, RunError, RunOutput,
    run_error::Failure,
};
use crate::run::RunType;

/// An event of a run of another process, parsed from an event record.
///
/// The counterpart of [`Event::record`](super::Event::record). Unknown keys are ignored. Records of version 1 are read
/// too: their `trace_id` is the id of the root run.
///
/// ```
/// use tower_llm_callbacks::{EventKind, event::EventRecord};
///
/// let line = r#"{"v":2,"event":"custom","run_id":"01919a2c-0000-7000-8000-000000000001",
///     "parent_run_id":null,"root_run_id":"01919a2c-0000-7000-8000-000000000001","seq":3,
///     "time":"2026-11-22T08:00:00.123456Z","run_type":"chain","name":"import","attempt":1,
///     "tags":[],"metadata":{},"data":{"name":"progress","value":3}}"#;
/// let record = EventRecord::from_json(line.as_bytes())?;
/// assert_eq!((record.kind(), record.seq), (EventKind::Custom, 3));
/// # Ok::<_, tower_llm_callbacks::event::InvalidRecord>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EventRecord {
    /// The run's id.
    pub run_id: Uuid,
    /// The id of the run's parent. `None` for a root.
    pub parent_run_id: Option<Uuid>,
    /// The id of the root run of its tree.
    pub root_run_id: Uuid,
    /// The W3C id of the trace that the run is part of. Absent in version 1.
    pub trace_id: Option<Arc<str>>,
    /// The W3C id of the span that stands for the run.
    pub span_id: Option<Arc<str>>,
    /// The event's number in the run.
    pub seq: u64,
    /// When the event happened, by the wall clock of its process.
    pub time: SystemTime,
    /// The kind of work that the run executes.
    pub run_type: RunType,
    /// The run's name.
    pub name: Arc<str>,
    /// The number of the call's attempt that the run is.
    pub attempt: u32,
    /// The run's tags.
    pub tags: Arc<[Arc<str>]>,
    /// The run's metadata.
    pub metadata: Arc<Map<String, Value>>,
    /// The payload of the event.
    pub data: EventData,
}

#[derive(Deserialize)]
struct Parts<'a> {
    v: u32,
    event: Box<str>,
    run_id: Uuid,
    parent_run_id: Option<Uuid>,
    /// Absent in version 1.
    root_run_id: Option<Uuid>,
    /// In version 1 the id of the root run.
    trace_id: Option<Arc<str>>,
    span_id: Option<Arc<str>>,
    seq: u64,
    time: Box<str>,
    run_type: RunType,
    name: Arc<str>,
    attempt: u32,
    tags: Arc<[Arc<str>]>,
    metadata: Arc<Map<String, Value>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Parts<'_> {
    /// The id of the root run, and the W3C id of the trace. Version 1 has the former in place of the latter.
    fn ids(&self) -> Result<(Uuid, Option<Arc<str>>), InvalidRecord> {
        match self.v {
            1 => {
                let root = self.trace_id.as_deref().and_then(|id| Uuid::try_parse(id).ok());
                Ok((root.ok_or_else(|| InvalidRecord::field("trace_id", "a UUID"))?, None))
            }
            RECORD_VERSION => {
                let root = self.root_run_id;
                let root = root.ok_or_else(|| InvalidRecord::field("root_run_id", "a UUID"))?;
                Ok((root, self.trace_id.clone()))
            }
            version => Err(InvalidRecord::version(version)),
        }
    }
}

impl EventRecord {
    /// Parses a record of version 1 or 2.
    ///
    /// # Errors
    ///
    /// If the text is not an event record, or one of another version.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidRecord> {
        let parts: Parts<'_> = serde_json::from_slice(json)?;
        let (root_run_id, trace_id) = parts.ids()?;
        let time = humantime::parse_rfc3339(&parts.time);
        let time = time.map_err(|_| InvalidRecord::field("time", "an RFC 3339 timestamp"))?;
        let kind = EventKind::from_name(&parts.event);
        let kind = kind.ok_or_else(|| InvalidRecord::field("event", "the name of an event"))?;
        Ok(Self {
            run_id: parts.run_id,
            parent_run_id: parts.parent_run_id,
            root_run_id,
            trace_id,
            span_id: parts.span_id,
            seq: parts.seq,
            time,
            run_type: parts.run_type,
            name: parts.name,
            attempt: parts.attempt,
            tags: parts.tags,
            metadata: parts.metadata,
            data: data(kind, parts.data)?,
        })
    }

    /// Returns the kind of the event.
    pub fn kind(&self) -> EventKind {
        self.data.kind()
    }
}

fn data(kind: EventKind, json: &RawValue) -> Result<EventData, InvalidRecord> {
    Ok(match kind {
        EventKind::LlmStart => EventData::LlmStart(read(json)?),
        EventKind::LlmNewToken => EventData::LlmNewToken(serde_json::from_str(json.get())?),
        EventKind::LlmEnd => EventData::LlmEnd(read(json)?),
        EventKind::LlmError => EventData::LlmError(error(json, Partial::Llm(read(json)?))?),
        EventKind::RunStart(run_type) if run_type.is_model_call() => {
            EventData::ModelStart(run_type, read(json)?)
        }
        EventKind::RunEnd(run_type) if run_type.is_model_call() => {
            EventData::ModelEnd(run_type, read(json)?)
        }
        EventKind::RunError(run_type) if run_type.is_model_call() => {
            EventData::ModelError(run_type, error(json, Partial::Llm(read(json)?))?)
        }
        EventKind::RunStart(run_type) => EventData::RunStart(run_type, read(json)?),
        EventKind::RunEnd(run_type) => EventData::RunEnd(run_type, read(json)?),
        EventKind::RunError(run_type) => {
            let output: RunOutput = serde_json::from_str(json.get())?;
            EventData::RunError(run_type, error(json, Partial::Run(output))?)
        }
        EventKind::Retry => EventData::Retry(read(json)?),
        EventKind::Custom => EventData::Custom(read(json)?),
    })
}

fn read<T: DeserializeOwned>(json: &RawValue) -> Result<Arc<T>, InvalidRecord> {
    Ok(Arc::new(serde_json::from_str(json.get())?))
}

fn error(json: &RawValue, partial: Partial) -> Result<Arc<RunError>, InvalidRecord> {
    #[derive(Deserialize)]
    struct Only {
        error: Failure,
    }
    let Only { error } = serde_json::from_str(json.get())?;
    Ok(Arc::new(RunError::new(error, partial)))
}
