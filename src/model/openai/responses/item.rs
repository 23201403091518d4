use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::part::Part;
use crate::{
    chat::{ContentPart, Message, Role},
    model::{content::Content, openai::common},
};

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
    #[serde(untagged)]
    Raw(&'a Value),
}

impl<'a> Item<'a> {
    /// Adds the items for a message, in order. Only results are moved before the other parts, for servers that
    /// convert the items back to messages; in the assistant's messages they stay after the calls.
    pub(super) fn add(message: &'a Message, to: &mut Vec<Self>) {
        let mut content = Content::default();
        for part in &message.content {
            let (item, is_in_place) = match part {
                ContentPart::ToolCall { id, name, arguments } => {
                    let arguments = common::arguments(arguments);
                    (Item::FunctionCall { call_id: id, name, arguments }, true)
                }
                ContentPart::ToolResult { tool_call_id, content, is_error: _ } => {
                    let item = Item::FunctionCallOutput { call_id: tool_call_id, output: content };
                    (item, message.role == Role::Assistant)
                }
                ContentPart::Raw(value) if !is_part(value) => (Item::Raw(value), true),
                part => {
                    content.0.extend(Part::new(part, message.role));
                    continue;
                }
            };
            if is_in_place {
                to.extend(Self::message(message.role, std::mem::take(&mut content)));
            }
            to.push(item);
        }
        to.extend(Self::message(message.role, content));
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
