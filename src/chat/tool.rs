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
    /// The name of the tool.
    pub name: String,
    /// The description for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON schema of the arguments.
    pub parameters: Value,
    /// Whether the provider caches the prompt up to this tool.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
}

impl Tool {
    /// Creates a tool from its name and the JSON schema of its arguments.
    pub fn new(name: impl Into<String>, parameters: Value) -> Self {
        Self { name: name.into(), description: None, parameters, cached: false }
    }

    /// Sets the description for the model.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Ends a prefix of the prompt, which begins with the tools, that the provider caches. A
    /// [`CachePoint`](super::ContentPart::CachePoint) does the same in messages.
    #[must_use]
    pub fn cached(mut self) -> Self {
        self.cached = true;
        self
    }
}

/// Whether the model calls tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// The model must not call a tool.
    None,
    /// The model must call a tool.
    Required,
    /// The model must call the tool with this name.
    Tool(String),
}
