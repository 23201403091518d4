use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::part::Part;
use crate::{
    chat::{ChatRequest, ContentPart, Message, ModelError, Role},
    model::{content::Content, native, openai::common},
};

const API: &str = "responses";

/// An item of the input, borrowed from the request.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message {
        role: &'static str,
        content: Content<Part<'a>>,
    },
    FunctionCall {
        call_id: &'a str,
        name: &'a str,
        arguments: Cow<'a, str>,
    },
    FunctionCallOutput {
        call_id: &'a str,
        output: &'a str,
    },
    CustomToolCallOutput {
        call_id: &'a str,
        output: &'a str,
    },
    #[serde(untagged)]
    Raw(&'a Value),
    #[serde(untagged)]
    WithoutId(Value),
}

/// What the items of a message depend on.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// The ids of calls of custom tools.
    custom: Vec<&'a str>,
    /// Whether the provider has stored its answers, to which ids refer.
    stored: bool,
}

impl<'a> Context<'a> {
    pub(super) fn new(request: &'a ChatRequest) -> Self {
        let parts = request.messages.iter().flat_map(|message| &message.content);
        let custom = parts.filter_map(|part| match part {
            ContentPart::Native { api, value, .. } if api == API => {
                value["call_id"].as_str().filter(|_| value["type"] == "custom_tool_call")
            }
            _ => None,
        });
        let stored = request.params.get("store") != Some(&Value::Bool(false));
        Self { custom: custom.collect(), stored }
    }
}

impl<'a> Item<'a> {
    /// Adds the items for a message, in order. Only results are moved before the other parts, for servers that
    /// convert the items back to messages; in the assistant's messages they stay after the calls.
    pub(super) fn add(
        message: &'a Message,
        context: &Context<'a>,
        to: &mut Vec<Self>,
    ) -> Result<(), ModelError> {
        let mut content = Content::default();
        for part in native::parts(message, API) {
            let (item, is_in_place) = match part {
                ContentPart::ToolCall { id, name, arguments } => {
                    let arguments = common::arguments(arguments);
                    (Item::FunctionCall { call_id: id, name, arguments }, true)
                }
                ContentPart::ToolResult { tool_call_id: call_id, content: output, is_error: _ } => {
                    let item = match context.custom.contains(&call_id.as_str()) {
                        true => Item::CustomToolCallOutput { call_id, output },
                        false => Item::FunctionCallOutput { call_id, output },
                    };
                    (item, message.role == Role::Assistant)
                }
                ContentPart::Raw(value) if !is_part(value) => (Item::Raw(value), true),
                ContentPart::Native { value, .. } => match Self::native(value, context) {
                    Some(item) => (item, true),
                    None => continue,
                },
                ContentPart::CachePoint { ttl } => {
                    let (name, mark) = common::cache_mark(ttl.as_deref());
                    content.mark(name, mark)?;
                    continue;
                }
                part => {
                    content.0.extend(Part::new(part, message.role)?);
                    continue;
                }
            };
            if is_in_place {
                to.extend(Self::message(message.role, std::mem::take(&mut content)));
            }
            to.push(item);
        }
        to.extend(Self::message(message.role, content));
        Ok(())
    }

    /// Returns an item of an earlier answer. Where the provider has not stored it, an id refers to nothing, and reasoning is
    /// accepted only as its encrypted content.
    fn native(value: &'a Value, context: &Context<'_>) -> Option<Self> {
        if context.stored {
            return Some(Item::Raw(value));
        }
        if value["type"] == "reasoning" && !value["encrypted_content"].is_string() {
            return None;
        }
        let mut value = value.clone();
        if let Value::Object(item) = &mut value {
            item.remove("id");
        }
        Some(Item::WithoutId(value))
    }

    /// Returns the message item for some content, unless it is empty.
    fn message(role: Role, content: Content<Part<'a>>) -> Option<Self> {
        let role = match role {
            Role::System => "system",
            // Tools have no messages here, only results.
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        (!content.0.is_empty()).then_some(Item::Message { role, content })
    }
}

/// Whether a raw value is a content part, by its type.
fn is_part(value: &Value) -> bool {
    let kind = value["type"].as_str().unwrap_or_default();
    kind.starts_with("input_") || kind.starts_with("output_") || kind == "refusal"
}
