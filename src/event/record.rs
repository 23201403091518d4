use std::io::Write as _;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Event, EventData, HttpRequestInfo, LlmStart, Prompt, json};
use crate::run::Run;

/// The version of the event records. Additive changes do not raise it.
pub const RECORD_VERSION: u32 = 2;

/// An event with its run, which serialises as one JSON object. Created by [`Event::record`].
///
/// Readers should ignore keys that they do not know.
///
/// ```
/// # use tower_llm_callbacks::{CallbackHandler, Event, Run};
/// struct Lines;
///
/// impl CallbackHandler for Lines {
///     fn on_event(&self, run: &Run, event: &Event) {
///         println!("{}", serde_json::to_string(&event.record(run)).unwrap());
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    run: &'a Run,
    event: &'a Event,
}

impl Event {
    /// Returns the event as it looks outside the process: serialises to a record of version [`RECORD_VERSION`].
    pub fn record<'a>(&'a self, run: &'a Run) -> Record<'a> {
        Record { run, event: self }
    }
}

impl Record<'_> {
    /// Appends the record as JSON, on one line without a line end: what `serde_json` writes, in less time. A prompt of an
    /// HTTP request is copied as it was sent, where nothing in it is redacted; numbers then look as they were sent.
    ///
    /// ```
    /// # use tower_llm_callbacks::{CallbackHandler, Event, Run};
    /// struct Lines;
    ///
    /// impl CallbackHandler for Lines {
    ///     fn on_event(&self, run: &Run, event: &Event) {
    ///         let mut line = Vec::new();
    ///         event.record(run).write_json(&mut line).unwrap();
    ///         println!("{}", String::from_utf8_lossy(&line));
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If a value of the event cannot be written as JSON. Then nothing is appended.
    pub fn write_json(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let start = out.len();
        self.append(out).inspect_err(|_| out.truncate(start))
    }

    fn append(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let Record { run, event } = self;
        write!(out, "{{\"v\":{RECORD_VERSION},\"event\":\"{}\"", event.kind().as_str())
            .map_err(serde_json::Error::io)?;
        id("run_id", Some(run.run_id()), out);
        id("parent_run_id", run.parent_run_id(), out);
        id("root_run_id", Some(run.root_run_id()), out);
        key("seq", out);
        json::write(&event.seq(), out)?;
        key("time", out);
        write!(out, "\"{}\"", humantime::format_rfc3339_micros(event.time()))
            .map_err(serde_json::Error::io)?;
        key("run_type", out);
        json::write_text(run.run_type().as_str(), out);
        key("name", out);
        json::write_text(run.name(), out);
        key("attempt", out);
        json::write(&run.attempt(), out)?;
        if let Some(trace_id) = run.trace_id() {
            key("trace_id", out);
            json::write_text(trace_id, out);
        }
        if let Some(span) = run.span_context() {
            key("span_id", out);
            json::write_text(span.parent_id(), out);
        }
        key("tags", out);
        json::write(&run.tags(), out)?;
        key("metadata", out);
        json::write_members(run.metadata(), out);
        key("data", out);
        match event.data() {
            EventData::LlmStart(start) => start.write(out)?,
            EventData::LlmNewToken(token) => token.write(out)?,
            data => json::write(&Data(data), out)?,
        }
        out.push(b'}');
        Ok(())
    }
}

/// Appends the name of a further member.
fn key(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn id(name: &str, id: Option<Uuid>, out: &mut Vec<u8>) {
    key(name, out);
    match id {
        None => out.extend_from_slice(b"null"),
        Some(id) => {
            out.push(b'"');
            out.extend_from_slice(
                id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes(),
            );
            out.push(b'"');
        }
    }
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Record { run, event } = self;
        let mut record = serializer.serialize_map(None)?;
        record.serialize_entry("v", &RECORD_VERSION)?;
        record.serialize_entry("event", event.kind().as_str())?;
        record.serialize_entry("run_id", &run.run_id())?;
        record.serialize_entry("parent_run_id", &run.parent_run_id())?;
        record.serialize_entry("root_run_id", &run.root_run_id())?;
        record.serialize_entry("seq", &event.seq())?;
        let time = humantime::format_rfc3339_micros(event.time()).to_string();
        record.serialize_entry("time", &time)?;
        record.serialize_entry("run_type", run.run_type().as_str())?;
        record.serialize_entry("name", run.name())?;
        record.serialize_entry("attempt", &run.attempt())?;
        if let Some(trace_id) = run.trace_id() {
            record.serialize_entry("trace_id", trace_id)?;
        }
        if let Some(span) = run.span_context() {
            record.serialize_entry("span_id", span.parent_id())?;
        }
        record.serialize_entry("tags", run.tags())?;
        record.serialize_entry("metadata", run.metadata())?;
        record.serialize_entry("data", &Data(event.data()))?;
        record.end()
    }
}

/// The payload of an event, as the `data` of its record.
pub(crate) struct Data<'a>(pub(crate) &'a EventData);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            EventData::LlmStart(start) => start.serialize(serializer),
            EventData::LlmNewToken(token) => token.serialize(serializer),
            EventData::LlmEnd(result) => result.serialize(serializer),
            EventData::ModelStart(_, start) => ModelStart::of(start).serialize(serializer),
            EventData::ModelEnd(_, result) => {
                WithOutputs::of(result, result.outputs).serialize(serializer)
            }
            EventData::ModelError(_, error) => {
                let outputs = error.result().and_then(|result| result.outputs);
                WithOutputs::of(error, outputs).serialize(serializer)
            }
            EventData::RunStart(_, input) => input.serialize(serializer),
            EventData::RunEnd(_, output) => output.serialize(serializer),
            EventData::LlmError(error) | EventData::RunError(_, error) => {
                error.serialize(serializer)
            }
            EventData::Retry(retry) => retry.serialize(serializer),
            EventData::Custom(custom) => custom.serialize(serializer),
        }
    }
}

/// The start of a call of a model that is not a language model: its prompt is the `input`.
#[derive(Serialize)]
struct ModelStart<'a> {
    provider: &'a str,
    api: &'a str,
    model: Option<&'a str>,
    stream: bool,
    inputs: Option<u64>,
    input: &'a Prompt,
    params: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<&'a HttpRequestInfo>,
}

impl<'a> ModelStart<'a> {
    fn of(start: &'a LlmStart) -> Self {
        Self {
            provider: &start.provider,
            api: &start.api,
            model: start.model.as_deref(),
            stream: start.stream,
            inputs: start.inputs,
            input: &start.messages,
            params: &start.params,
            http: start.http.as_deref(),
        }
    }
}

/// A result whose `outputs` are null where they are not known. Those of language models have none.
#[derive(Serialize)]
struct WithOutputs<'a, T> {
    #[serde(flatten)]
    result: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<()>,
}

impl<'a, T> WithOutputs<'a, T> {
    fn of(result: &'a T, outputs: Option<u64>) -> Self {
        Self { result, outputs: outputs.is_none().then_some(()) }
    }
}
