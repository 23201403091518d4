//! Runs as `tracing` spans.

mod record;
mod span;

use std::sync::LazyLock;
use tracing::{Level, event};

use crate::{
    event::{Event, EventData},
    handler::{CallbackHandler, EventMask, Identity},
    run::Run,
};

/// A handler that creates a [`tracing`] span for each run.
///
/// The code inside a run is polled in its span: logs inside a call belong to the call, spans of child runs are
/// inside their parents', and `tracing-opentelemetry` can export them. A root run's span is a child of the span
/// that is current where the call is made.
///
/// Add it as an inline handler: it never blocks, and the span must exist before the inner service is called. It
/// keeps no state; a run's span is dropped with the run. Spans contain neither token events nor content (prompts,
/// answers, inputs, outputs, error messages).
///
/// | | |
/// |---|---|
/// | target | `tower_llm_callbacks::run` |
/// | spans | `llm`, `chain`, `tool`, `retriever`, of level `INFO` |
/// | fields at the start | `otel.name`, `otel.kind`, `run_id`, `parent_run_id`, `root_run_id`, `name`, `attempt`; for models `provider`, `api`, `model` |
/// | fields at the end | `duration_ms`; for errors `otel.status_code`, `error.kind`; for models `response_model`, `finish_reason`, `input_tokens`, `output_tokens`, `tokens`, `time_to_first_token_ms` |
/// | events | start (`DEBUG`), end (`INFO`), error (`WARN`, with its kind; also cancelled and aborted), retry (`WARN`), custom event (`DEBUG`, its name) |
///
/// ```
/// use tower_llm_callbacks::{CallbackLayer, Callbacks, handlers::TracingSpans};
///
/// let layer = CallbackLayer::new(Callbacks::new().inline(TracingSpans::new()));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingSpans(());

impl TracingSpans {
    /// Creates the handler.
    pub fn new() -> Self {
        Self(())
    }
}

impl CallbackHandler for TracingSpans {
    fn event_mask(&self) -> EventMask {
        EventMask::ALL - EventMask::LLM_NEW_TOKEN - EventMask::TOKEN_TIMES
    }

    /// All instances are the same handler: a run has one span.
    fn identity(&self) -> Option<Identity> {
        // Without state, all instances are one.
        static INSTANCE: LazyLock<Identity> = LazyLock::new(Identity::unique);
        Some(INSTANCE.clone())
    }

    fn on_event(&self, run: &Run, event: &Event) {
        let kind = event.kind();
        if kind.is_start() {
            let span = span::open(run, event.data());
            span.in_scope(|| event!(target: span::TARGET, Level::DEBUG, "start"));
            run.set_tracing_span(span);
            return;
        }
        let Some(span) = run.tracing_span() else { return };
        span.in_scope(|| match event.data() {
            EventData::Retry(retry) => event!(
                target: span::TARGET,
                Level::WARN,
                attempt = retry.attempt,
                failed_run_id = %retry.failed_run_id,
                "retry"
            ),
            EventData::Custom(custom) => {
                event!(target: span::TARGET, Level::DEBUG, event = &*custom.name, "custom event");
            }
            data => record::end(run, span, data),
        });
    }
}
