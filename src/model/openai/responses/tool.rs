use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    chat::{Tool, ToolChoice},
    model::openai::common::tool_choice,
};

/// A tool in the form of the Responses API.
#[derive(Debug, Serialize)]
pub(super) struct WireTool<'a> {
    r#type: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: &'a Value,
    /// Always false. The default is true here, and a strict tool requires a restricted kind of schema.
    strict: bool,
}

impl<'a> WireTool<'a> {
    pub(super) fn new(tool: &'a Tool) -> Self {
        let Tool { name, description, parameters, cached: _ } = tool;
        let description = description.as_deref();
        Self { r#type: "function", name, description, parameters, strict: false }
    }
}

pub(super) fn choice(choice: &ToolChoice) -> Value {
    tool_choice(choice, |name| json!({"type": "function", "name": name}))
}
