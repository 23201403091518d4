use std::{borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, ser::SerializeStruct};
use serde_json::Value;

use super::{
    LlmResult, ProviderError, RunOutput,
    result::{milliseconds, read_optional_milliseconds},
};
use crate::redact;

/// Why a run ended in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The provider returned an error, or reported one inside the stream.
    Provider,
    /// The call or its stream failed on the way, or in a layer below.
    Transport,
    /// The stream ended without the protocol's end mark, and before every choice had its finish reason.
    Truncated,
    /// The call was dropped: before the response, or midway in the stream. A call that is dropped when every choice has its
    /// finish reason has completed.
    Cancelled,
    /// [`Run::abort`](crate::Run::abort) was called, or a handler failed that
    /// [aborts on a fault](crate::Registration::abort_on_fault).
    Aborted,
    /// The inner service, its future or its stream panicked.
    Panic,
    /// The request, or the configuration, is invalid, and no call was made: the error has an
    /// [`InvalidRequest`](super::InvalidRequest) in its chain of sources.
    Invalid,
    /// The code of a chain, tool or retriever returned an error of its own.
    Failed,
}

impl ErrorKind {
    /// Returns the name of the kind in an event record.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Provider => "provider",
            ErrorKind::Transport => "transport",
            ErrorKind::Truncated => "truncated",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Aborted => "aborted",
            ErrorKind::Panic => "panic",
            ErrorKind::Invalid => "invalid",
            ErrorKind::Failed => "failed",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a run failed, with what there was of its outcome: the payload of `on_llm_error`, `on_chain_error` …
///
/// Serialises as the partial outcome with a key `error` added.
#[derive(Debug, Clone, PartialEq)]
pub struct RunError {
    failure: Failure,
    partial: Partial,
}

/// What there was of a run's outcome when it failed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Partial {
    /// The answer of a model call so far, of a language model or another: text, tool calls, usage, times.
    Llm(Arc<LlmResult>),
    /// The output of a run of another type so far.
    Run(RunOutput),
}

impl RunError {
    pub(crate) fn new(failure: Failure, partial: Partial) -> Self {
        Self { failure, partial }
    }

    pub(crate) fn failure(&self) -> &Failure {
        &self.failure
    }

    /// Returns why the run failed.
    pub fn kind(&self) -> ErrorKind {
        self.failure.kind
    }

    /// Returns the message, for people.
    pub fn message(&self) -> &str {
        &self.failure.message
    }

    /// Returns the HTTP status of an error answer, or the status that an abort asks for.
    pub fn status(&self) -> Option<u16> {
        self.failure.status
    }

    /// Returns the provider's code or type of the error.
    pub fn provider_code(&self) -> Option<&str> {
        self.failure.provider_code.as_deref()
    }

    /// Returns how long the provider asks to wait before the next call: its `retry-after`, the reset of its rate limit, or
    /// what its error says.
    pub fn retry_after(&self) -> Option<Duration> {
        self.failure.retry_after
    }

    /// Returns the provider's id of the request.
    pub fn request_id(&self) -> Option<&str> {
        self.failure.request_id.as_deref()
    }

    /// Returns what there was of the outcome.
    pub fn partial(&self) -> &Partial {
        &self.partial
    }

    /// Returns what there was of a model's answer. `None` for runs of other types.
    pub fn result(&self) -> Option<&LlmResult> {
        match &self.partial {
            Partial::Llm(result) => Some(result),
            Partial::Run(_) => None,
        }
    }

    /// Returns what the items of a stream had added up to, where output is captured. `None` for model calls.
    pub fn output(&self) -> Option<&Value> {
        match &self.partial {
            Partial::Llm(_) => None,
            Partial::Run(output) => output.output.as_ref(),
        }
    }

    /// Returns the id of the tool call that a tool run answered.
    pub fn tool_call_id(&self) -> Option<&str> {
        match &self.partial {
            Partial::Llm(_) => None,
            Partial::Run(output) => output.tool_call_id.as_deref(),
        }
    }

    /// Returns the time from the start of the run to its end.
    pub fn duration(&self) -> Duration {
        match &self.partial {
            Partial::Llm(result) => result.duration,
            Partial::Run(output) => output.duration,
        }
    }

    pub(crate) fn with_dropped_tokens(&self, dropped: u64) -> Self {
        let mut error = self.clone();
        if let Partial::Llm(result) = &mut error.partial {
            Arc::make_mut(result).dropped_tokens = dropped;
        }
        error
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.failure.kind, self.failure.message)
    }
}

impl Error for RunError {}

impl Serialize for RunError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct OfModel<'a> {
            #[serde(flatten)]
            result: &'a LlmResult,
            error: &'a Failure,
        }
        #[derive(Serialize)]
        struct OfRun<'a> {
            error: &'a Failure,
            #[serde(skip_serializing_if = "Option::is_none")]
            output: Option<&'a Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tool_call_id: Option<&'a str>,
            #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
            duration: Duration,
        }
        let error = &self.failure;
        match &self.partial {
            Partial::Llm(result) => OfModel { result, error }.serialize(serializer),
            Partial::Run(_) => {
                let (output, tool_call_id) = (self.output(), self.tool_call_id());
                OfRun { error, output, tool_call_id, duration: self.duration() }
                    .serialize(serializer)
            }
        }
    }
}

/// The part of a [`RunError`] that does not depend on the outcome.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) message: Arc<str>,
    #[serde(default)]
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) provider_code: Option<Arc<str>>,
    #[serde(default)]
    pub(crate) request_id: Option<Arc<str>>,
    #[serde(default, rename = "retry_after_ms", deserialize_with = "read_optional_milliseconds")]
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Arc<str>>) -> Self {
        let message = message.into();
        Self {
            kind,
            message,
            status: None,
            provider_code: None,
            request_id: None,
            retry_after: None,
        }
    }

    pub(crate) fn provider(error: &ProviderError) -> Self {
        Self {
            kind: ErrorKind::Provider,
            // Some providers quote the key that they refuse.
            message: match redact::text(&error.message) {
                Cow::Borrowed(_) => Arc::clone(&error.message),
                Cow::Owned(covered) => covered.into(),
            },
            status: error.status,
            provider_code: error.code.clone(),
            request_id: error.request_id.clone(),
            retry_after: error.retry_after,
        }
    }
}

impl Serialize for Failure {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 5 + usize::from(self.request_id.is_some());
        let mut error = serializer.serialize_struct("Failure", fields)?;
        error.serialize_field("kind", &self.kind)?;
        error.serialize_field("message", &self.message)?;
        error.serialize_field("status", &self.status)?;
        error.serialize_field("provider_code", &self.provider_code)?;
        error.serialize_field("retry_after_ms", &self.retry_after.map(|wait| wait.as_millis()))?;
        if let Some(id) = &self.request_id {
            error.serialize_field("request_id", id)?;
        }
        error.end()
    }
}
