use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ToolCall,
    result::{milliseconds, read_milliseconds},
};

/// The input of a chain, tool or retriever: the payload of `on_chain_start`, `on_tool_start` and
/// `on_retriever_start`.
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
    /// The input, where it is captured.
    pub input: Option<Value>,
    /// The id of the tool call that a tool run answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<Arc<str>>,
}

impl RunInput {
    /// Creates an input from a JSON value.
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

/// The arguments of a tool call, as JSON if they are valid JSON and else as a string, with the call's id.
impl From<&ToolCall> for RunInput {
    fn from(call: &ToolCall) -> Self {
        let arguments = serde_json::from_str::<Value>(&call.arguments);
        let input = Self::new(arguments.unwrap_or_else(|_| call.arguments.as_str().into()));
        if call.id.is_empty() { input } else { input.tool_call_id(&*call.id) }
    }
}

/// The output of a chain, tool or retriever: the payload of `on_chain_end`, `on_tool_end` and
/// `on_retriever_end`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RunOutput {
    /// The output, where it is captured. For a stream, what its items added up to.
    pub output: Option<Value>,
    /// The id of the tool call that a tool run answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<Arc<str>>,
    /// The time from the inner call to its end, without that of handlers before and after it.
    #[serde(
        rename = "duration_ms",
        serialize_with = "milliseconds",
        deserialize_with = "read_milliseconds"
    )]
    pub duration: Duration,
}
