use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ContentPart;
use crate::event::{Block, Choice, LlmResult};

/// The author of a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// Instructions of the developer.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// A tool that the model called.
    Tool,
}

/// A message of a chat.
///
/// The JSON form of the content is a string if it is a single text, otherwise an array of parts. Both forms can
/// be deserialized.
///
/// ```
/// use serde_json::json;
/// use tower_llm_callbacks::chat::Message;
///
/// let message = Message::user("Hello");
/// assert_eq!(serde_json::to_value(&message)?, json!({"role": "user", "content": "Hello"}));
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// The author.
    pub role: Role,
    /// The parts of the message.
    #[serde(serialize_with = "write_content", deserialize_with = "read_content")]
    pub content: Vec<ContentPart>,
}

impl Message {
    /// Creates a message of several parts.
    pub fn new(role: Role, content: impl IntoIterator<Item = ContentPart>) -> Self {
        Self { role, content: content.into_iter().collect() }
    }

    /// Creates a text message with instructions for the model.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Role::System, [ContentPart::text(text)])
    }

    /// Creates a text message of the user.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, [ContentPart::text(text)])
    }

    /// Creates a text message of the model.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, [ContentPart::text(text)])
    }

    /// Creates a message with the result of the tool call `id`.
    pub fn tool_result(id: impl Into<String>, text: impl Into<String>) -> Self {
        let (tool_call_id, content) = (id.into(), text.into());
        Self::new(Role::Tool, [ContentPart::ToolResult { tool_call_id, content, is_error: false }])
    }
}

/// Converts an answer to a message for the next request: its text, its tool calls, and what the provider demands back
/// beside them, in its order. Reasoning without a signature, which providers do not accept, is part of it only in the form
/// of the API that it came from.
///
/// ```
/// use tower_llm_callbacks::{Delta, chat::{ChatRequest, Message}, event::Accumulator};
///
/// let mut answer = Accumulator::new();
/// answer.delta(&Delta::text("Let me look."));
/// let result = answer.finish();
///
/// let request = ChatRequest::new("gpt-4o-mini")
///     .user("What is the weather in Paris?")
///     .message(Message::from(&result.choices[0]));
/// assert_eq!(request.messages[1], Message::assistant("Let me look."));
/// ```
impl From<&Choice> for Message {
    fn from(choice: &Choice) -> Self {
        let mut content: Vec<ContentPart> = Vec::new();
        // Whether each block is a part.
        let mut kept: Vec<bool> = Vec::new();
        for block in choice.blocks() {
            let part = match block {
                Block::Text(text) => Some(ContentPart::text(text)),
                Block::Reasoning { text, signature: Some(signature) } => {
                    let (text, signature) = (text.to_owned(), Some(signature.to_owned()));
                    Some(ContentPart::Reasoning { text, signature })
                }
                Block::ToolCall(call) => Some(ContentPart::ToolCall {
                    id: call.id.clone(),
                    name: call.name.clone(),
                    arguments: serde_json::from_str(&call.arguments)
                        .unwrap_or_else(|_| call.arguments.clone().into()),
                }),
                Block::Native { api, value, covers } => {
                    let covered = kept.iter().rev().take(covers).filter(|kept| **kept);
                    let (api, value, covers) = (api.to_owned(), value.clone(), covered.count());
                    Some(ContentPart::Native { api, value, covers })
                }
                Block::Reasoning { .. } | Block::Refusal(_) => None,
            };
            kept.push(part.is_some());
            content.extend(part);
        }
        Self::new(Role::Assistant, content)
    }
}

/// Converts the first choice of an answer. Without a choice, the message is empty and not sent.
impl From<&LlmResult> for Message {
    fn from(result: &LlmResult) -> Self {
        result.choices.first().map_or_else(|| Self::new(Role::Assistant, []), Self::from)
    }
}

fn write_content<S: Serializer>(parts: &[ContentPart], serializer: S) -> Result<S::Ok, S::Error> {
    match parts {
        [ContentPart::Text { text }] => serializer.serialize_str(text),
        parts => parts.serialize(serializer),
    }
}

fn read_content<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ContentPart>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Content {
        Text(String),
        Parts(Vec<ContentPart>),
    }
    Ok(match Content::deserialize(deserializer)? {
        Content::Text(text) => vec![ContentPart::Text { text }],
        Content::Parts(parts) => parts,
    })
}
