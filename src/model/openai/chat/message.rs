use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::part::Part;
use crate::{
    chat::{self, ContentPart, ModelError, Role},
    model::{content, native, openai::common},
};

type Content<'a> = content::Content<Part<'a>>;

/// A message in the form of Chat Completions, borrowed from the request.
#[derive(Debug, Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub(super) enum Message<'a> {
    System {
        content: Content<'a>,
    },
    User {
        content: Content<'a>,
    },
    Assistant {
        // Null beside calls: some servers require the field.
        content: Option<Content<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall<'a>>,
        // Reasoning, in the members that the server sent it in.
        #[serde(flatten)]
        more: Map<String, Value>,
    },
    Tool {
        tool_call_id: &'a str,
        content: &'a str,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct ToolCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Function<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<&'a Value>,
}

#[derive(Debug, Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: Cow<'a, str>,
}

/// The parts of one provider message: all parts of a message except results, or those between two results.
#[derive(Debug, Default)]
struct Turn<'a> {
    content: Content<'a>,
    calls: Vec<ToolCall<'a>>,
    /// Members of the message that the answer was.
    natives: Vec<&'a Map<String, Value>>,
}

impl<'a> Message<'a> {
    pub(super) fn system(text: &'a str) -> Self {
        Message::System { content: content::Content(vec![Part::Text { text }]) }
    }

    /// Removes the members that only some servers know.
    pub(super) fn clear_more(&mut self) {
        if let Message::Assistant { more, .. } = self {
            more.clear();
        }
    }

    /// Adds the provider messages for a message of the request.
    ///
    /// Results must directly follow the message with their calls. They are therefore moved before the other parts of
    /// a message, except in the assistant's, which may contain the calls themselves.
    pub(super) fn add(message: &'a chat::Message, to: &mut Vec<Self>) -> Result<(), ModelError> {
        let role = message.role;
        let mut turn = Turn::default();
        for part in native::parts(message, "chat_completions") {
            match part {
                ContentPart::ToolResult { tool_call_id, content, is_error: _ } => {
                    if role == Role::Assistant {
                        to.extend(std::mem::take(&mut turn).into_message(role));
                    }
                    to.push(Message::Tool { tool_call_id, content });
                }
                ContentPart::ToolCall { id, name, arguments } => {
                    let function = Function { name, arguments: common::arguments(arguments) };
                    turn.calls.push(ToolCall {
                        id,
                        r#type: "function",
                        function,
                        extra_content: None,
                    });
                }
                ContentPart::Native { value: Value::Object(members), .. }
                    if !members.contains_key("type") =>
                {
                    turn.natives.push(members);
                }
                ContentPart::CachePoint { ttl } => {
                    let (name, mark) = common::cache_mark(ttl.as_deref());
                    turn.content.mark(name, mark)?;
                }
                part => turn.content.0.extend(Part::new(part)?),
            }
        }
        to.extend(turn.into_message(role));
        Ok(())
    }
}

impl<'a> Turn<'a> {
    /// Returns the members that the server sent beside the content, and adds those of calls to the calls.
    fn more(&mut self) -> Map<String, Value> {
        let mut members = Map::new();
        for (name, value) in std::mem::take(&mut self.natives).into_iter().flatten() {
            if name == "tool_calls" {
                for extra in value.as_array().into_iter().flatten() {
                    let is = |call: &&mut ToolCall<'_>| extra["id"] == call.id;
                    if let Some(call) = self.calls.iter_mut().find(is) {
                        call.extra_content = Some(&extra["extra_content"]);
                    }
                }
                continue;
            }
            match (members.get_mut(name), value) {
                (Some(Value::String(text)), Value::String(more)) => text.push_str(more),
                (Some(Value::Array(items)), Value::Array(more)) => items.extend(more.clone()),
                _ => drop(members.insert(name.clone(), value.clone())),
            }
        }
        members
    }

    /// Returns the message, unless it is empty.
    fn into_message(mut self, role: Role) -> Option<Message<'a>> {
        let more = self.more();
        let Self { content, calls, .. } = self;
        let content = Some(content).filter(|content| !content.0.is_empty());
        Some(match role {
            Role::System => Message::System { content: content? },
            // A message of the role `tool` must name a call.
            Role::User | Role::Tool => Message::User { content: content? },
            Role::Assistant if content.is_none() && calls.is_empty() => return None,
            Role::Assistant => Message::Assistant { content, tool_calls: calls, more },
        })
    }
}
