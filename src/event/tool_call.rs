use serde::{Deserialize, Serialize};

/// A tool call that the model requested.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ToolCall {
    /// The call's id. Empty if the provider sends no id.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as sent, as JSON text. `{}` if the call has no arguments. May be a fragment if the run ended
    /// early.
    pub arguments: String,
}

impl ToolCall {
    /// Creates a tool call. The arguments are JSON text.
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        Self { id: id.into(), name: name.into(), arguments: arguments.into() }
    }
}
