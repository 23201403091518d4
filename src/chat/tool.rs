use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A tool that the model may call.
///
/// ```
/// use serde_json::json;
/// use tower_llm_callbacks::chat::Tool;
///
/// let tool = Tool::new("get_weather", json!({
///     "type": "object",
///     "properties": {"city": {"type": "string"}},
///     "required": ["city"],
/// }))
/// .description("The weather in a city, now");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, told to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON schema of its arguments.
    pub parameters: Value,
}

impl Tool {
    /// A tool with a name and the JSON schema of its arguments.
    pub fn new(name: impl Into<String>, parameters: Value) -> Self {
        Self { name: name.into(), description: None, parameters }
    }

    /// Sets what the tool does, told to the model.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }
}

/// Whether the model calls tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolChoice {
    /// As the model likes.
    Auto,
    /// It must not.
    None,
    /// It must call one.
    Required,
    /// It must call the one with this name.
    Tool(String),
}
