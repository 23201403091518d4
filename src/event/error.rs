use std::{borrow::Cow, error::Error, fmt, sync::Arc};

use serde::{Deserialize, Serialize, ser::SerializeStruct};
use serde_json::Value;

use super::{LlmResult, ProviderError, RunOutput};
use crate::redact;

/// Why a run ended in an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The provider answered with an error, or reported one inside the stream.
    Provider,
    /// The call or its stream failed on the way, or in a layer below.
    Transport,
    /// The stream ended without the protocol's end mark.
    Truncated,
    /// The call was dropped: before the response, or midway in the stream.
    Cancelled,
    /// [`Run::abort`](crate::Run::abort) was called, or a required handler failed.
    Aborted,
    /// The inner service, its future or its stream panicked.
    Panic,
}

impl ErrorKind {
    /// The word for it in an event record.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Provider => "provider",
            ErrorKind::Transport => "transport",
            ErrorKind::Truncated => "truncated",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Aborted => "aborted",
            ErrorKind::Panic => "panic",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a run failed, with what there was of the answer: what `on_llm_error` is told.
///
/// It serialises as the result with a key `error` added and, where a run that is not a model's has them,
/// `output` and `tool_call_id`.
#[derive(Debug, Clone, PartialEq)]
pub struct RunError {
    failure: Failure,
    result: Arc<LlmResult>,
    output: Option<Value>,
    tool_call_id: Option<Arc<str>>,
}

impl RunError {
    pub(crate) fn new(failure: Failure, result: Arc<LlmResult>) -> Self {
        Self { failure, result, output: None, tool_call_id: None }
    }

    /// The failure of a run that is not a model's, with what there was of its output.
    pub(crate) fn of_runnable(failure: Failure, until: RunOutput) -> Self {
        let RunOutput { output, tool_call_id, duration } = until;
        let result = Arc::new(LlmResult { duration, ..LlmResult::default() });
        Self { failure, result, output, tool_call_id }
    }

    /// Why the run ended.
    pub fn kind(&self) -> ErrorKind {
        self.failure.kind
    }

    /// What went wrong, for people.
    pub fn message(&self) -> &str {
        &self.failure.message
    }

    /// The HTTP status of an error answer, or the one that an abort asks for.
    pub fn status(&self) -> Option<u16> {
        self.failure.status
    }

    /// The provider's own code or type of the error.
    pub fn provider_code(&self) -> Option<&str> {
        self.failure.provider_code.as_deref()
    }

    /// The provider's id of the request, to ask the provider about it.
    pub fn request_id(&self) -> Option<&str> {
        self.failure.request_id.as_deref()
    }

    /// What there was of the answer: text and tool-call fragments so far, usage so far, times. Of a run
    /// that is not a model's, it has but the duration.
    pub fn result(&self) -> &LlmResult {
        &self.result
    }

    /// What the items of a chain's, tool's or retriever's stream had added up to, where that is captured.
    pub fn output(&self) -> Option<&Value> {
        self.output.as_ref()
    }

    /// The id of the tool call that a tool run answered.
    pub fn tool_call_id(&self) -> Option<&str> {
        self.tool_call_id.as_deref()
    }

    pub(crate) fn failure(&self) -> &Failure {
        &self.failure
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
        struct Flat<'a> {
            #[serde(flatten)]
            result: &'a LlmResult,
            error: &'a Failure,
            #[serde(skip_serializing_if = "Option::is_none")]
            output: Option<&'a Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tool_call_id: Option<&'a str>,
        }
        let Self { failure: error, result, .. } = self;
        let (output, tool_call_id) = (self.output(), self.tool_call_id());
        Flat { result, error, output, tool_call_id }.serialize(serializer)
    }
}

/// The part of a [`RunError`] that does not depend on the answer.
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
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Arc<str>>) -> Self {
        let message = message.into();
        Self { kind, message, status: None, provider_code: None, request_id: None }
    }

    pub(crate) fn provider(error: &ProviderError) -> Self {
        Self {
            kind: ErrorKind::Provider,
            // Some quote the key that they refuse.
            message: match redact::text(&error.message) {
                Cow::Borrowed(_) => Arc::clone(&error.message),
                Cow::Owned(covered) => covered.into(),
            },
            status: error.status,
            provider_code: error.code.clone(),
            request_id: error.request_id.clone(),
        }
    }
}

impl Serialize for Failure {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 4 + usize::from(self.request_id.is_some());
        let mut error = serializer.serialize_struct("Failure", fields)?;
        error.serialize_field("kind", &self.kind)?;
        error.serialize_field("message", &self.message)?;
        error.serialize_field("status", &self.status)?;
        error.serialize_field("provider_code", &self.provider_code)?;
        if let Some(id) = &self.request_id {
            error.serialize_field("request_id", id)?;
        }
        error.end()
    }
}
