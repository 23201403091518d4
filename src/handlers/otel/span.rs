use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

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
    /// The agent that the run says it is in.
    pub(super) agent: Option<Arc<str>>,
    /// It is a call of its own: events of calls and their content are written once.
    pub(super) is_call: bool,
    /// What the event tells that is written at the end, if one is.
    pub(super) asked: Option<Asked>,
}

/// What was known when a model call started.
pub(super) struct Asked {
    pub(super) start: Arc<LlmStart>,
    pub(super) attributes: Vec<KeyValue>,
}

impl OpenSpan {
    /// The span is over: the run ended so long after its start. By the monotonic clock, so that clocks that
    /// are set do not make it negative.
    pub(super) fn end(mut self, run: &Run, duration: Duration) {
        self.span.end_with_timestamp(end_time(run, duration));
    }

    /// The run has failed. What it says of it is content.
    pub(super) fn fail(&mut self, error: &RunError, with_message: bool) {
        self.span.set_attribute(text(names::ERROR_TYPE, error_type(error)));
        self.span.set_status(Status::error(description(error, with_message)));
    }

    /// No end was heard, and there is no room for it any longer.
    pub(super) fn give_up(mut self) {
        self.span.set_attribute(text(names::ERROR_TYPE, names::OTHER));
        self.span.set_status(Status::error("its end was not heard of"));
        self.span.end();
    }
}

pub(super) fn end_time(run: &Run, duration: Duration) -> SystemTime {
    run.start_time().checked_add(duration).unwrap_or_else(|| run.start_time())
}

/// Messages of providers quote prompts, those of transports URLs, and reasons to abort are anybody's.
pub(super) fn description(error: &RunError, with_message: bool) -> String {
    if with_message {
        return error.message().to_owned();
    }
    match (error.kind(), error.status()) {
        (ErrorKind::Provider, Some(status)) => format!("provider: HTTP status {status}"),
        (kind, _) => kind.as_str().to_owned(),
    }
}
