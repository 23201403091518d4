use opentelemetry::KeyValue;
use serde_json::Value;

use super::{identity::RunIdentity, langfuse, openinference};
use crate::{
    event::{LlmResult, LlmStart, RunInput},
    run::Run,
};

/// A tool that shows spans, whose own attributes are added to those of the conventions.
///
/// [The guide](crate::guide::backends) says how to export spans to each tool, and what it shows.
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
    /// Phoenix, and others that read OpenInference's attributes: kind of span, messages, tools, documents, tokens by kind,
    /// cost, tags.
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
            Self::Langfuse => langfuse::llm_start(run, start, identity, with_content),
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
            Self::OpenInference => openinference::llm_end(run, result, failed, with_content),
            Self::Langfuse => langfuse::llm_end(run, result, failed, with_content),
        }
    }

    /// Returns the attributes of a run that is no model call.
    pub(super) fn start(
        self,
        run: &Run,
        input: &RunInput,
        is_agent: bool,
        identity: &RunIdentity,
    ) -> Vec<KeyValue> {
        match self {
            Self::OpenInference => openinference::start(run, input, is_agent, identity),
            Self::Langfuse => langfuse::start(run, is_agent, identity),
        }
    }

    /// Returns the input, or the output, of a run that is no model call.
    pub(super) fn value(self, run: &Run, is_input: bool, value: &Value) -> Vec<KeyValue> {
        match self {
            Self::OpenInference if is_input => openinference::input(run, value),
            Self::OpenInference => openinference::run_output(run, value),
            Self::Langfuse => langfuse::value(is_input, value),
        }
    }
}
