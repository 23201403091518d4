use std::{sync::Arc, time::Duration};

use opentelemetry::{
    KeyValue,
    global::BoxedSpan,
    trace::{Span, SpanContext, Status},
};

use super::{error_type::error_type, names, value::text};
use crate::{
    event::{ErrorKind, LlmStart, RunError},
    run::Run,
};

/// The span of a run that has not ended.
pub(super) struct OpenSpan {
    pub(super) span: BoxedSpan,
    pub(super) context: SpanContext,
    /// The agent that the run's metadata name.
    pub(super) agent: Option<Arc<str>>,
    /// Whether the run is a call of its own. Events and content are recorded once per call.
    pub(super) is_call: bool,
    /// The start of a call whose details event is emitted at the end.
    pub(super) call_start: Option<CallStart>,
}

/// The facts known when a model call started.
pub(super) struct CallStart {
    pub(super) start: Arc<LlmStart>,
    pub(super) attributes: Vec<KeyValue>,
}

impl OpenSpan {
    /// Ends the span when the call ended.
    pub(super) fn end(mut self, run: &Run, duration: Duration) {
        self.span.end_with_timestamp(run.end_time(duration));
    }

    /// Marks the span as failed. The error's message is content.
    pub(super) fn fail(&mut self, error: &RunError, with_message: bool) {
        self.span.set_attribute(text(names::ERROR_TYPE, error_type(error)));
        self.span.set_status(Status::error(description(error, with_message)));
    }

    /// Ends the span without its run's end event, to make room.
    pub(super) fn give_up(mut self) {
        self.span.set_attribute(text(names::ERROR_TYPE, names::OTHER));
        self.span.set_status(Status::error("no end event received"));
        self.span.end();
    }
}

/// Returns the status description. Messages are content: those of providers quote prompts, those of transports quote
/// URLs, and abort reasons come from user code.
pub(super) fn description(error: &RunError, with_message: bool) -> String {
    if with_message {
        return error.message().to_owned();
    }
    match (error.kind(), error.status()) {
        (ErrorKind::Provider, Some(status)) => format!("provider: HTTP status {status}"),
        (kind, _) => kind.as_str().to_owned(),
    }
}
