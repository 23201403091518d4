use std::time::Duration;

use tracing::{Level, Span, event};

use super::span::TARGET;
use crate::{
    event::{EventData, LlmResult, RunError, RunOutput},
    run::Run,
};

/// Records a run's terminal event in its span.
pub(super) fn end(run: &Run, span: &Span, data: &EventData) {
    match data {
        EventData::LlmEnd(result) | EventData::ModelEnd(_, result) => {
            answer(span, result);
            completed(span, result.duration);
        }
        EventData::RunEnd(_, output) => {
            let RunOutput { duration, .. } = &**output;
            completed(span, *duration);
        }
        EventData::LlmError(error) | EventData::ModelError(_, error) => {
            if let Some(result) = error.result() {
                answer(span, result);
            }
            failed(span, error);
        }
        EventData::RunError(_, error) => failed(span, error),
        _ => {
            // A terminal event of a future version: only its time is known.
            span.record("duration_ms", milliseconds(run.elapsed()));
        }
    }
}

fn completed(span: &Span, duration: Duration) {
    span.record("duration_ms", milliseconds(duration));
    event!(target: TARGET, Level::INFO, "end");
}

/// Leaves the error's message out, because it may quote content.
fn failed(span: &Span, error: &RunError) {
    span.record("duration_ms", milliseconds(error.duration()));
    span.record("otel.status_code", "ERROR");
    span.record("error.kind", error.kind().as_str());
    let (kind, status) = (error.kind().as_str(), error.status());
    event!(target: TARGET, Level::WARN, error.kind = kind, status, "error");
}

fn answer(span: &Span, result: &LlmResult) {
    if let Some(model) = &result.model {
        span.record("response_model", &**model);
    }
    let choice = result.choices.first();
    if let Some(reason) = choice.and_then(|choice| choice.finish_reason.as_deref()) {
        span.record("finish_reason", reason);
    }
    if let Some(usage) = &result.usage {
        // Nothing is recorded for a count that is not known.
        span.record("input_tokens", usage.input_tokens);
        span.record("output_tokens", usage.output_tokens);
    }
    span.record("tokens", result.tokens);
    // Absent ones are not recorded.
    span.record("outputs", result.outputs);
    span.record("dimensions", result.dimensions);
    if let Some(time) = result.time_to_first_token {
        span.record("time_to_first_token_ms", milliseconds(time));
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
