use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tower_llm_callbacks::{LlmResult, LlmStart, Run, event::UsageSource};
use uuid::Uuid;

use super::{NAME, text::prefix};

/// A run's row in the table.
#[derive(Debug, Serialize)]
pub(super) struct RunRow {
    /// The run's number, from 1, in the order in which runs started.
    pub(super) number: u64,
    pub(super) id: Uuid,
    pub(super) parent: Option<Uuid>,
    run_type: &'static str,
    name: String,
    attempt: u32,
    provider: String,
    api: String,
    model: String,
    /// `running`, `completed`, or the kind of error.
    pub(super) state: &'static str,
    /// The start, in milliseconds since 1970.
    started: f64,
    /// The time to the first token, in milliseconds.
    pub(super) first: Option<f64>,
    /// The duration, in milliseconds.
    duration: Option<f64>,
    input: Option<u64>,
    output: Option<u64>,
    /// The marks of the input and of the output: `~` for an estimate, `≥` for a lower bound.
    marks: [&'static str; 2],
    /// The cost with its mark and currency. Empty if it is not known.
    cost: String,
    /// The answer came from a cache.
    cached: bool,
    /// The number of token events.
    pub(super) pieces: u64,
    streamed: bool,
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
            marks: [""; 2],
            cost: String::new(),
            cached: false,
            pieces: 0,
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
        if let Some(cost) = &result.cost {
            let mark = if cost.estimated { "~" } else { "" };
            self.cost = format!("{mark}{} {}", cost.amount, prefix(&cost.currency, NAME));
        }
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

pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub(super) fn since_1970(time: SystemTime) -> f64 {
    milliseconds(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}
