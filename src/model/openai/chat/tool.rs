use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    chat::{Tool, ToolChoice},
    model::openai::common::tool_choice,
};

/// A tool in the form of Chat Completions.
#[derive(Debug, Serialize)]
pub(super) struct WireTool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: &'a Value,
}

impl<'a> WireTool<'a> {
    pub(super) fn new(tool: &'a Tool) -> Self {
        let Tool { name, description, parameters, cached: _ } = tool;
        let function = Function { name, description: description.as_deref(), parameters };
        Self { r#type: "function", function }
    }
}

pub(super) fn choice(choice: &ToolChoice) -> Value {
    tool_choice(choice, |name| json!({"type": "function", "function": {"name": name}}))
}
