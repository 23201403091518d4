use tracing::{Span, field::Empty, info_span};

use crate::{
    event::EventData,
    handlers::operation::operation,
    run::{Run, RunType},
};

pub(super) const TARGET: &str = "tower_llm_callbacks::run";

/// Creates the span of a run, as a child of the current span.
pub(super) fn open(run: &Run, start: &EventData) -> Span {
    // `tracing` requires the name and the fields of a span to be constants.
    macro_rules! span {
        ($name:literal, $otel_name:expr, $kind:expr $(, $field:ident = $value:expr)*) => {{
            let span = info_span!(
                target: TARGET,
                $name,
                otel.name = $otel_name,
                otel.kind = $kind,
                otel.status_code = Empty,
                run_id = %run.run_id(),
                parent_run_id = Empty,
                root_run_id = %run.root_run_id(),
                name = run.name(),
                attempt = run.attempt(),
                $($field = $value,)*
                response_model = Empty,
                finish_reason = Empty,
                input_tokens = Empty,
                output_tokens = Empty,
                tokens = Empty,
                outputs = Empty,
                dimensions = Empty,
                time_to_first_token_ms = Empty,
                duration_ms = Empty,
                error.kind = Empty,
            );
            if let Some(parent) = run.parent_run_id() {
                span.record("parent_run_id", tracing::field::display(parent));
            }
            span
        }};
    }
    if let Some(start) = start.model_start() {
        let model = start.model.as_deref().unwrap_or_default();
        let name = format!("{} {model}", operation(run.run_type(), start));
        macro_rules! model {
            ($name:literal) => {
                span!(
                    $name,
                    name.trim_end(),
                    "client",
                    provider = &*start.provider,
                    api = &*start.api,
                    model = model,
                    inputs = start.inputs
                )
            };
        }
        return match run.run_type() {
            RunType::Embedding => model!("embedding"),
            RunType::Rerank => model!("rerank"),
            RunType::Image => model!("image"),
            RunType::Audio => model!("audio"),
            RunType::Moderation => model!("moderation"),
            _ => model!("llm"),
        };
    }
    match run.run_type() {
        RunType::Tool => span!("tool", format!("execute_tool {}", run.name()), "internal"),
        RunType::Retriever => span!("retriever", run.name(), "internal"),
        _ => span!("chain", run.name(), "internal"),
    }
}
