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
/// use tower_llm_callbacks::{EventKind, EventRecord};
///
/// let line = r#"{"v":1,"event":"custom","run_id":"01919a2c-0000-7000-8000-000000000001",
///     "parent_run_id":null,"trace_id":"01919a2c-0000-7000-8000-000000000001","seq":3,
///     "time":"2026-11-22T08:00:00.123456Z","run_type":"chain","name":"import","attempt":1,
///     "tags":[],"metadata":{},"data":{"name":"progress","value":3}}"#;
/// let record = EventRecord::from_json(line.as_bytes())?;
/// assert_eq!((record.kind(), record.seq), (EventKind::Custom, 3));
/// # Ok::<_, tower_llm_callbacks::InvalidRecord>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EventRecord {
    /// The run's id.
    pub run_id: Uuid,
    /// Its parent's id; none for a root.
    pub parent_run_id: Option<Uuid>,
    /// Its root's id.
    pub trace_id: Uuid,
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

/// A text that is no event record of a version that can be read. It does not say what the text is: that may be
/// anybody's.
#[derive(Debug)]
pub struct InvalidRecord(String);

impl fmt::Display for InvalidRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an event record: {}", self.0)
    }
}

impl Error for InvalidRecord {}

/// serde's messages quote values: only what kind of mistake it is, and where, is told.
impl From<serde_json::Error> for InvalidRecord {
    fn from(error: serde_json::Error) -> Self {
        let what = match error.classify() {
            serde_json::error::Category::Data => {
                "a key is missing, or its value is none that it may have"
            }
            _ => "it is not JSON",
        };
        Self(format!("{what} (at line {}, column {})", error.line(), error.column()))
    }
}

#[derive(Deserialize)]
struct Parts<'a> {
    v: u32,
    event: Box<str>,
    run_id: Uuid,
    parent_run_id: Option<Uuid>,
    trace_id: Uuid,
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

impl EventRecord {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// If it is none, or of a version that is not known: additive changes do not raise it.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidRecord> {
        let parts: Parts<'_> = serde_json::from_slice(json)?;
        if parts.v != RECORD_VERSION {
            return Err(InvalidRecord(format!("its version is {}, not {RECORD_VERSION}", parts.v)));
        }
        let time = humantime::parse_rfc3339(&parts.time);
        let time = time.map_err(|_| InvalidRecord("its time is none".to_owned()))?;
        let kind = EventKind::from_name(&parts.event);
        let kind = kind.ok_or_else(|| InvalidRecord("its event is not known".to_owned()))?;
        Ok(Self {
            run_id: parts.run_id,
            parent_run_id: parts.parent_run_id,
            trace_id: parts.trace_id,
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
