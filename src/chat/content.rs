use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A part of a [`Message`](super::Message)'s content.
///
/// As JSON it is an object with a `type`, such as `{"type":"text","text":"Hello"}`;
/// [`Raw`](ContentPart::Raw) is the value itself, and whatever is read that is none of the other
/// kinds becomes a raw one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContentPart {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// What the model reasoned before it answered.
    Reasoning {
        /// The reasoning; may be empty where only the signature is given back.
        text: String,
        /// The provider's proof that the reasoning is its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// A tool call that the model asked for.
    ToolCall {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
        /// The arguments, as a rule an object; null stands for an empty one.
        arguments: Value,
    },
    /// What a tool call gave.
    ToolResult {
        /// The id of the call.
        tool_call_id: String,
        /// What the tool said.
        content: String,
        /// Whether it says that the tool failed.
        #[serde(default)]
        is_error: bool,
    },
    /// An image, in the request itself.
    Image {
        /// Its type, such as `image/png`.
        media_type: String,
        /// Its bytes in base 64.
        data_base64: String,
    },
    /// An image that the provider is to fetch.
    ImageUrl {
        /// Where it is.
        url: String,
    },
    /// A block in the provider's own form, sent as it is.
    #[serde(untagged)]
    Raw(Value),
}

impl ContentPart {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        ContentPart::Text { text: text.into() }
    }
}

impl From<&str> for ContentPart {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for ContentPart {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}
