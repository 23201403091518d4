use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ContentPart;
use crate::event::Choice;

/// Who says a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The developer: how the model is to behave.
    System,
    /// The person who talks to the model.
    User,
    /// The model.
    Assistant,
    /// A tool that the model called.
    Tool,
}

/// A message of a chat.
///
/// As JSON its content is a string where it is a single text, else an array of parts; both forms are
/// read.
///
/// ```
/// use serde_json::json;
/// use tower_llm_callbacks::chat::Message;
///
/// let message = Message::user("Tell me a joke");
/// assert_eq!(serde_json::to_value(&message)?, json!({"role": "user", "content": "Tell me a joke"}));
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    #[serde(serialize_with = "write_content", deserialize_with = "read_content")]
    pub content: Vec<ContentPart>,
}

impl Message {
    /// A message of several parts.
    pub fn new(role: Role, content: impl IntoIterator<Item = ContentPart>) -> Self {
        Self { role, content: content.into_iter().collect() }
    }

    /// A text that says how the model is to behave.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Role::System, [ContentPart::text(text)])
    }

    /// A text of the person who talks to the model.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, [ContentPart::text(text)])
    }

    /// A text of the model.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, [ContentPart::text(text)])
    }

    /// What the tool call with an id gave.
    pub fn tool_result(id: impl Into<String>, text: impl Into<String>) -> Self {
        let (tool_call_id, content) = (id.into(), text.into());
        Self::new(Role::Tool, [ContentPart::ToolResult { tool_call_id, content, is_error: false }])
    }
}

/// What the model has said, to be given back to it: its text and its tool calls. Reasoning is left out, since
/// providers take back only what they signed.
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
        let text = Some(&choice.text).filter(|text| !text.is_empty());
        let calls = choice.tool_calls.iter().map(|call| ContentPart::ToolCall {
            id: call.id.clone(),
            name: call.name.clone(),
            arguments: serde_json::from_str(&call.arguments)
                .unwrap_or_else(|_| call.arguments.clone().into()),
        });
        Self::new(Role::Assistant, text.map(ContentPart::text).into_iter().chain(calls))
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
