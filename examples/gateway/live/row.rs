use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;
use tower_llm_callbacks::{
    LlmResult, LlmStart, Run, RunError,
    event::{RunCost, UsageSource},
};
use uuid::Uuid;

use super::{NAME, text::prefix};

/// A run's row in the table.
#[derive(Debug, Serialize)]
pub(super) struct RunRow {
    /// The run's number, from 1, in the order in which the page was notified of their starts.
    pub(super) number: u64,
    pub(super) id: Uuid,
    pub(super) parent: Option<Uuid>,
    run_type: &'static str,
    name: String,
    attempt: u32,
    provider: String,
    api: String,
    pub(super) model: String,
    /// `running`, `completed`, or the kind of error.
    pub(super) state: &'static str,
    /// The start, in milliseconds since 1970.
    started: f64,
    /// The time to the first token, in milliseconds.
    pub(super) first: Option<f64>,
    /// The duration, in milliseconds.
    pub(super) duration: Option<f64>,
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    /// The number of token events.
    pub(super) pieces: u64,
    /// The marks of the input and of the output: `~` for an estimate, `≥` for a lower bound.
    marks: [&'static str; 2],
    /// What the call cost, if it has a price.
    pub(super) cost: Option<RunCost>,
    /// The answer came from a cache.
    cached: bool,
    streamed: bool,
    /// Who called: the run's metadata has it as `tenant`.
    tenant: String,
    /// Why the run failed.
    pub(super) error: Option<RowError>,
}

/// What a row shows of an error.
#[derive(Debug, Serialize)]
pub(super) struct RowError {
    message: String,
    status: Option<u16>,
    code: Option<String>,
}

impl RowError {
    pub(super) fn new(error: &RunError) -> Self {
        Self {
            message: prefix(error.message(), NAME).to_owned(),
            status: error.status(),
            code: error.provider_code().map(|code| prefix(code, NAME).to_owned()),
        }
    }
}

impl RunRow {
    pub(super) fn new(run: &Run, start: Option<&LlmStart>) -> Self {
        let short = |text: &str| prefix(text, NAME).to_owned();
        Self {
            number: 0,
            id: run.run_id(),
            parent: run.parent_run_id(),
            run_type: run.run_type().as_str(),
            name: short(run.name()),
            attempt: run.attempt(),
            provider: start.map(|start| short(&start.provider)).unwrap_or_default(),
            api: start.map(|start| short(&start.api)).unwrap_or_default(),
            model: start.and_then(|start| start.model.as_deref()).map(short).unwrap_or_default(),
            state: "running",
            started: since_1970(run.start_time()),
            first: None,
            duration: None,
            input: None,
            output: None,
            cached: false,
            pieces: 0,
            marks: [""; 2],
            cost: None,
            tenant: run.metadata().get("tenant").map(tenant).unwrap_or_default(),
            error: None,
            streamed: start.is_some_and(|start| start.stream),
        }
    }

    pub(super) fn end(&mut self, state: &'static str, result: &LlmResult) {
        self.state = state;
        self.duration = Some(milliseconds(result.duration));
        self.first = result.time_to_first_token.map(milliseconds);
        self.pieces = result.tokens;
        if let Some(usage) = &result.usage {
            self.input = usage.input_tokens;
            self.output = usage.output_tokens;
            self.marks = [usage.source.input, usage.source.output].map(mark);
        }
        self.cost = result.cost.clone();
        self.cached = result.cached;
    }

    pub(super) fn end_after(&mut self, state: &'static str, duration: Duration) {
        self.state = state;
        self.duration = Some(milliseconds(duration));
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state != "running"
    }
}

fn mark(source: Option<UsageSource>) -> &'static str {
    match source {
        Some(UsageSource::Estimated) => "~",
        Some(UsageSource::AtLeast) => "≥",
        _ => "",
    }
}

/// Returns the name of a tenant, which may be a number.
fn tenant(value: &Value) -> String {
    match value {
        Value::String(name) => prefix(name, NAME).to_owned(),
        other => prefix(&other.to_string(), NAME).to_owned(),
    }
}

pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub(super) fn since_1970(time: SystemTime) -> f64 {
    milliseconds(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}
