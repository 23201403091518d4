use opentelemetry::KeyValue;

use super::{identity::RunIdentity, langfuse, openinference};
use crate::{
    event::{LlmResult, LlmStart},
    run::Run,
};

/// A tool that shows spans, whose own attributes are added to those of the conventions.
///
/// ```
/// use tower_llm_callbacks::handlers::{OtelContent, OtelProfile, OtelSpans};
///
/// let spans = OtelSpans::builder()
///     .profile(OtelProfile::OpenInference)
///     .content(OtelContent::Span)
///     .build();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OtelProfile {
    /// Phoenix, and others that read OpenInference's attributes: kind of span, messages, tools, tokens by kind, cost, tags.
    OpenInference,
    /// Langfuse: type of observation, input and output, parameters, tokens by kind, cost, time of the first token, tags.
    Langfuse,
}

impl OtelProfile {
    pub(super) fn llm_start(
        self,
        run: &Run,
        start: &LlmStart,
        identity: &RunIdentity,
        with_content: bool,
    ) -> Vec<KeyValue> {
        match self {
            Self::OpenInference => openinference::llm_start(run, start, identity, with_content),
            Self::Langfuse => langfuse::llm_start(run, start, with_content),
        }
    }

    pub(super) fn llm_end(
        self,
        run: &Run,
        result: &LlmResult,
        failed: bool,
        with_content: bool,
    ) -> Vec<KeyValue> {
        match self {
            Self::OpenInference => openinference::llm_end(result, failed, with_content),
            Self::Langfuse => langfuse::llm_end(run, result, failed, with_content),
        }
    }

    /// Returns the attributes of a run that is no model call.
    pub(super) fn start(self, run: &Run, is_agent: bool, identity: &RunIdentity) -> Vec<KeyValue> {
        match self {
            Self::OpenInference => openinference::start(run, is_agent, identity),
            Self::Langfuse => langfuse::start(run, is_agent),
        }
    }

    /// Returns the names of the input and the output of a run that is no model call.
    pub(super) fn value_names(self) -> (&'static str, &'static str) {
        match self {
            Self::OpenInference => (openinference::INPUT, openinference::OUTPUT),
            Self::Langfuse => (langfuse::INPUT, langfuse::OUTPUT),
        }
    }
}
