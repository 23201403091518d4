//! Runs as spans of `tracing`.

mod record;
mod span;

use tracing::{Level, Span, event};

use crate::{
    event::{Event, EventData},
    handler::{CallbackHandler, EventMask},
    run::Run,
};

/// A handler that makes a [`tracing`] span of each run, in which the code inside the run is polled: so people's
/// own logs inside a call are the call's, children's spans are inside their parents', and `tracing-opentelemetry`
/// can export them.
///
/// Add it as inline: it never blocks, and only so is the span there when the inner service is called, inside the
/// span that is current where the call is made. It keeps nothing itself; a run's span dies with the run. Tokens
/// are not told, and no contents: neither prompts nor answers, inputs, outputs or error messages.
///
/// | | |
/// |---|---|
/// | target | `tower_llm_callbacks::run` |
/// | spans | `llm`, `chain`, `tool`, `retriever`, of level `INFO` |
/// | fields from the start | `otel.name`, `otel.kind`, `run_id`, `parent_run_id`, `root_run_id`, `name`, `attempt`; of models: `provider`, `api`, `model` |
/// | from the end | `duration_ms`, `otel.status_code` and `error.kind` of errors; of models: `response_model`, `finish_reason`, `input_tokens`, `output_tokens`, `tokens`, `time_to_first_token_ms` |
/// | events | start (`DEBUG`), end (`INFO`), error (`WARN`, with the kind; also cancelled and aborted), retry (`WARN`), custom event (`DEBUG`, its name) |
///
/// ```
/// use tower_llm_callbacks::{CallbackLayer, Callbacks, handlers::TracingSpans};
///
/// let layer = CallbackLayer::new(Callbacks::new().inline(TracingSpans::new()));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingSpans(());

impl TracingSpans {
    /// A handler for any number of sets.
    pub fn new() -> Self {
        Self(())
    }
}

impl CallbackHandler for TracingSpans {
    fn interests(&self) -> EventMask {
        EventMask::ALL - EventMask::LLM_NEW_TOKEN - EventMask::TOKEN_TIMES
    }

    /// Two of them would make one span all the same.
    fn identity(&self) -> Option<usize> {
        static PLACE: u8 = 0;
        Some(std::ptr::from_ref(&PLACE) as usize)
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
        span.in_scope(|| tell(run, span, event));
    }
}

fn tell(run: &Run, span: &Span, event: &Event) {
    match event.data() {
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
    }
}
