//! Payloads of the events that are not a model's: chains, tools, retrievers, retries, custom ones.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

/// What a chain, tool or retriever was given when it started.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunInput {
    /// Its input, where that is captured.
    pub input: Option<Value>,
    /// The id of the tool call that a tool run answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<Arc<str>>,
}

/// What a chain, tool or retriever made of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunOutput {
    /// Its output, where that is captured.
    pub output: Option<Value>,
}

/// An attempt of a retried call starts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Retry {
    /// The attempt that starts; the first retry is attempt 2.
    pub attempt: u32,
    /// How the attempt before it failed.
    pub error: Arc<str>,
}

/// An event of the application's own: see [`Run::emit`](crate::Run::emit).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CustomEvent {
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Value,
}

impl CustomEvent {
    pub(crate) fn new(name: &str, value: Value) -> Self {
        Self { name: name.into(), value }
    }
}
