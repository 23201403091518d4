//! Payloads of the events that are not a model's: chains, tools, retrievers, retries, custom ones.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    ToolCall,
    result::{milliseconds, read_milliseconds},
};

/// What a chain, tool or retriever was given when it started: what `on_chain_start`, `on_tool_start` and
/// `on_retriever_start` are told.
///
/// ```
/// use serde_json::json;
/// use tower_llm_callbacks::RunInput;
///
/// let input = RunInput::new(json!({"city": "Paris"})).tool_call_id("call_1");
/// assert_eq!(input.tool_call_id.as_deref(), Some("call_1"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RunInput {
    /// Its input, where that is captured.
    pub input: Option<Value>,
    /// The id of the tool call that a tool run answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<Arc<str>>,
}

impl RunInput {
    /// An input as JSON.
    pub fn new(input: impl Into<Value>) -> Self {
        Self { input: Some(input.into()), tool_call_id: None }
    }

    /// Sets the id of the tool call that the run answers.
    #[must_use]
    pub fn tool_call_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.tool_call_id = Some(id.into());
        self
    }
}

impl<V: Into<Value>> From<V> for RunInput {
    fn from(input: V) -> Self {
        Self::new(input)
    }
}

/// What a model asked of a tool: its arguments, as JSON where they are that, and the call's id where it
/// has one.
impl From<&ToolCall> for RunInput {
    fn from(call: &ToolCall) -> Self {
        let arguments = serde_json::from_str::<Value>(&call.arguments);
        let input = Self::new(arguments.unwrap_or_else(|_| call.arguments.as_str().into()));
        if call.id.is_empty() { input } else { input.tool_call_id(&*call.id) }
    }
}

/// What a chain, tool or retriever made of it: what `on_chain_end`, `on_tool_end` and `on_retriever_end`
/// are told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RunOutput {
    /// Its output, where that is captured; of a stream, what its items added up to.
    pub output: Option<Value>,
    /// The id of the tool call that a tool run answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<Arc<str>>,
    /// From the start of the run to its end.
    #[serde(
        rename = "duration_ms",
        serialize_with = "milliseconds",
        deserialize_with = "read_milliseconds"
    )]
    pub duration: Duration,
}

/// An attempt of a call starts since the one before it has failed, be it a retry or a fallback: what
/// `on_retry` is told, right after the start of the run that is the new attempt.
///
/// Told where an [`AttemptsLayer`](crate::AttemptsLayer) stands above the layer that retries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Retry {
    /// The attempt that starts; the first retry is attempt 2.
    pub attempt: u32,
    /// How the attempt before it failed.
    pub error: Arc<str>,
    /// The run that the attempt before it was: its tokens are discarded.
    pub failed_run_id: Uuid,
}

/// An event of the application's own: see [`Run::emit`](crate::Run::emit).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
