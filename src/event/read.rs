use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

use super::{
    EventData, EventKind, LlmResult, RECORD_VERSION, RunError, RunOutput, error::Failure,
    result::read_milliseconds,
};
use crate::run::RunType;

/// An event record that was read: an event of a run that is, or was, somewhere else.
///
/// The other half of [`Event::record`](super::Event::record). Keys that are not known are ignored.
///
/// ```
/// use tower_llm_callbacks::{EventKind, event::EventRecord};
///
/// let line = r#"{"v":1,"event":"custom","run_id":"01919a2c-0000-7000-8000-000000000001",
///     "parent_run_id":null,"trace_id":"01919a2c-0000-7000-8000-000000000001","seq":3,
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
    /// Its parent's id; none for a root.
    pub parent_run_id: Option<Uuid>,
    /// The id of the root run of its tree.
    pub root_run_id: Uuid,
    /// The W3C id of the trace that the run is part of. Version 1 has none.
    pub trace_id: Option<Arc<str>>,
    /// The W3C id of the span that stands for the run.
    pub span_id: Option<Arc<str>>,
    /// The event's number in the run.
    pub seq: u64,
    /// When it happened, by the clock of where it did.
    pub time: SystemTime,
    /// What the run is an execution of.
    pub run_type: RunType,
    /// The run's name.
    pub name: Arc<str>,
    /// Which attempt it is.
    pub attempt: u32,
    /// The run's tags.
    pub tags: Arc<[Arc<str>]>,
    /// Its metadata.
    pub metadata: Arc<Map<String, Value>>,
    /// What the event tells.
    pub data: EventData,
}

/// The error of a text that is not an event record of a known version.
///
/// It quotes nothing of the text, which may hold a prompt or an answer. For the same reason it has no source:
/// the messages of a JSON parser quote values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRecord(Reason);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    NotJson { line: usize, column: usize },
    Member { line: usize, column: usize },
    Field { name: &'static str, expected: &'static str },
    Version(u32),
}

impl InvalidRecord {
    fn field(name: &'static str, expected: &'static str) -> Self {
        Self(Reason::Field { name, expected })
    }

    /// The version of a record that this version of the crate does not read.
    pub fn unsupported_version(&self) -> Option<u32> {
        match self.0 {
            Reason::Version(version) => Some(version),
            _ => None,
        }
    }
}

impl fmt::Display for InvalidRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid event record: ")?;
        match self.0 {
            Reason::NotJson { line, column } => {
                write!(f, "not JSON at line {line}, column {column}")
            }
            Reason::Member { line, column } => {
                write!(
                    f,
                    "a field is missing or has the wrong type, at line {line}, column {column}"
                )
            }
            Reason::Field { name, expected } => write!(f, "`{name}` is not {expected}"),
            Reason::Version(version) => {
                write!(f, "version {version}, where 1 to {RECORD_VERSION} are supported")
            }
        }
    }
}

impl Error for InvalidRecord {}

impl From<serde_json::Error> for InvalidRecord {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        Self(match error.classify() {
            serde_json::error::Category::Data => Reason::Member { line, column },
            _ => Reason::NotJson { line, column },
        })
    }
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
            version => Err(InvalidRecord(Reason::Version(version))),
        }
    }
}

impl EventRecord {
    /// Reads a record of version 1 or 2.
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

    /// Which event it is.
    pub fn kind(&self) -> EventKind {
        self.data.kind()
    }
}

fn data(kind: EventKind, json: &RawValue) -> Result<EventData, InvalidRecord> {
    Ok(match kind {
        EventKind::LlmStart => EventData::LlmStart(read(json)?),
        EventKind::LlmNewToken => EventData::LlmNewToken(serde_json::from_str(json.get())?),
        EventKind::LlmEnd => EventData::LlmEnd(read(json)?),
        EventKind::LlmError => EventData::LlmError(model_error(json)?),
        EventKind::ChainStart => EventData::ChainStart(read(json)?),
        EventKind::ChainEnd => EventData::ChainEnd(read(json)?),
        EventKind::ChainError => EventData::ChainError(error(json)?),
        EventKind::ToolStart => EventData::ToolStart(read(json)?),
        EventKind::ToolEnd => EventData::ToolEnd(read(json)?),
        EventKind::ToolError => EventData::ToolError(error(json)?),
        EventKind::RetrieverStart => EventData::RetrieverStart(read(json)?),
        EventKind::RetrieverEnd => EventData::RetrieverEnd(read(json)?),
        EventKind::RetrieverError => EventData::RetrieverError(error(json)?),
        EventKind::Retry => EventData::Retry(read(json)?),
        EventKind::Custom => EventData::Custom(read(json)?),
    })
}

fn read<T: DeserializeOwned>(json: &RawValue) -> Result<Arc<T>, InvalidRecord> {
    Ok(Arc::new(serde_json::from_str(json.get())?))
}

fn model_error(json: &RawValue) -> Result<Arc<RunError>, InvalidRecord> {
    #[derive(Deserialize)]
    struct Only {
        error: Failure,
    }
    let Only { error } = serde_json::from_str(json.get())?;
    let result: Arc<LlmResult> = read(json)?;
    Ok(Arc::new(RunError::new(error, result)))
}

fn error(json: &RawValue) -> Result<Arc<RunError>, InvalidRecord> {
    #[derive(Deserialize)]
    struct Parts {
        error: Failure,
        #[serde(default)]
        output: Option<Value>,
        #[serde(default)]
        tool_call_id: Option<Arc<str>>,
        #[serde(default, rename = "duration_ms", deserialize_with = "read_milliseconds")]
        duration: Duration,
    }
    let Parts { error, output, tool_call_id, duration } = serde_json::from_str(json.get())?;
    let until = RunOutput { output, tool_call_id, duration };
    Ok(Arc::new(RunError::of_runnable(error, until)))
}
