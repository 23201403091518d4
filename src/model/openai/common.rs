//! What requests of both APIs have in common.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::{
    chat::{ChatRequest, ContentPart, ModelError, Role, ToolChoice},
    model::check,
};

/// Checks a request. `max_tokens` is the name of the body's field.
pub(super) fn check(request: &ChatRequest, max_tokens: &str) -> Result<(), ModelError> {
    check::model(request)?;
    check::max_tokens(request, request.max_tokens, max_tokens)?;
    check::numbers(request)?;
    check::refuse(
        request,
        "OpenAI",
        &["cached tool"],
        "put a ContentPart::CachePoint into a message",
    )?;
    let others = request.messages.iter().filter(|message| message.role != Role::Assistant);
    let mut parts = others.flat_map(|message| &message.content);
    // Servers ignore such calls, or attribute the whole message to the assistant.
    if parts.any(|part| matches!(part, ContentPart::ToolCall { .. })) {
        let message = "a tool call must be in a message of the role assistant";
        return Err(ModelError::invalid(message));
    }
    Ok(())
}

/// Returns the arguments of a tool call as a string of JSON.
///
/// A string is taken from the model's own answer, as results and events contain it, and is sent back unchanged:
/// it need not be valid JSON. Some servers reject an empty one.
pub(super) fn arguments(arguments: &Value) -> Cow<'_, str> {
    match arguments {
        Value::Null => "{}".into(),
        Value::String(text) if text.trim().is_empty() => "{}".into(),
        Value::String(text) => text.into(),
        value => value.to_string().into(),
    }
}

/// Returns a tool choice. The APIs differ in the form of a `named` tool.
pub(super) fn tool_choice(choice: &ToolChoice, named: impl FnOnce(&str) -> Value) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Tool(name) => named(name),
    }
}

/// Returns the mark of a part that ends a cached prefix: its name and value.
pub(super) fn cache_mark(ttl: Option<&str>) -> (&'static str, Value) {
    let mut mark = json!({"mode": "explicit"});
    if let Some(ttl) = ttl {
        mark["ttl"] = ttl.into();
    }
    ("prompt_cache_breakpoint", mark)
}

/// Returns the URL of an image inside the request.
pub(super) fn data_url(media_type: &str, data_base64: &str) -> String {
    format!("data:{media_type};base64,{data_base64}")
}
