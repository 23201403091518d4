use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A part of a [`Message`](super::Message)'s content.
///
/// The JSON form is an object with a `type`, such as `{"type":"text","text":"Hello"}`. [`Raw`](ContentPart::Raw)
/// is serialized as the value itself, and any value that is not of another kind is deserialized as `Raw`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContentPart {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// Reasoning of the model.
    Reasoning {
        /// The reasoning text; may be empty if there is only a signature.
        text: String,
        /// The provider's proof that the reasoning is the model's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// A tool call of the model.
    ToolCall {
        /// The id of the call.
        id: String,
        /// The name of the tool.
        name: String,
        /// The arguments, usually an object; null means an empty one.
        arguments: Value,
    },
    /// The result of a tool call.
    ToolResult {
        /// The id of the call.
        tool_call_id: String,
        /// The output of the tool.
        content: String,
        /// Whether the tool failed.
        #[serde(default)]
        is_error: bool,
    },
    /// An image inside the request.
    Image {
        /// The media type, such as `image/png`.
        media_type: String,
        /// The image in base 64.
        data_base64: String,
    },
    /// An image that the provider fetches.
    ImageUrl {
        /// The URL of the image.
        url: String,
    },
    /// A file inside the request, such as a PDF.
    File {
        /// The name of the file.
        name: String,
        /// The media type, such as `application/pdf`.
        media_type: String,
        /// The file in base 64.
        data_base64: String,
    },
    /// A file that the provider fetches.
    FileUrl {
        /// The URL of the file.
        url: String,
        /// The media type, such as `application/pdf`.
        media_type: String,
    },
    /// Audio inside the request.
    Audio {
        /// The media type, such as `audio/wav`.
        media_type: String,
        /// The audio in base 64.
        data_base64: String,
    },
    /// The end of a prefix of the prompt that the provider caches: all that comes before this part.
    CachePoint {
        /// How long, in the provider's words, such as `1h`; absent for the provider's default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl: Option<String>,
    },
    /// A part of an answer in the form of an API, sent back to that API unchanged and to no other: redacted or encrypted
    /// reasoning, what ran at the provider, a text with citations …
    Native {
        /// The API, by its name in events: `messages`, `responses` …
        api: String,
        /// The part.
        value: Value,
        /// The number of parts right before this one that are the same content: this one is sent in their place.
        #[serde(default)]
        covers: usize,
    },
    /// A block in the provider's own form, sent unchanged.
    #[serde(untagged)]
    Raw(Value),
}

impl ContentPart {
    /// Creates a text part.
    pub fn text(text: impl Into<String>) -> Self {
        ContentPart::Text { text: text.into() }
    }

    /// Creates the end of a prefix that the provider caches for as long as it does by default.
    ///
    /// ```
    /// use tower_llm_callbacks::chat::{ChatRequest, ContentPart, Message, Role};
    ///
    /// let manual = ["The manual: …".into(), ContentPart::cache_point()];
    /// let request = ChatRequest::new("claude-haiku-4-5").message(Message::new(Role::System, manual)).user("Hello");
    /// ```
    pub fn cache_point() -> Self {
        ContentPart::CachePoint { ttl: None }
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
