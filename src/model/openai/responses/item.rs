use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::part::Part;
use crate::{
    chat::{ContentPart, Message, Role},
    model::{content::Content, openai::arguments},
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
    /// Adds the items for a message: what it has, in its order. Only results go before whatever else is
    /// said, for servers that make messages of the items again; the assistant's stay behind its calls.
    pub(super) fn add(message: &'a Message, to: &mut Vec<Self>) {
        let mut content = Content::default();
        for part in &message.content {
            let (item, is_in_place) = match part {
                ContentPart::ToolCall { id, name, arguments } => {
                    let arguments = arguments::text(arguments);
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

    /// The item of what was said so far; none where that is nothing.
    fn message(role: Role, content: Content<Part<'a>>) -> Option<Self> {
        let role = match role {
            Role::System => "system",
            // What a tool gave is not said in messages.
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        (!content.0.is_empty()).then_some(Item::Message { role, content })
    }
}

/// Whether a raw value belongs into a message: its type says so.
fn is_part(value: &Value) -> bool {
    let kind = value["type"].as_str().unwrap_or_default();
    kind.starts_with("input_") || kind.starts_with("output_") || kind == "refusal"
}
