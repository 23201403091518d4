use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::{
    chat::{ContentPart, ModelError},
    model::{check, content::ProviderPart},
    wire::base64,
};

/// A content block in Anthropic's form, borrowed from the request.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: &'a str,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        #[serde(serialize_with = "object")]
        input: &'a Value,
    },
    ToolResult {
        tool_use_id: &'a str,
        content: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
    Image {
        source: Source<'a>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "str::is_empty")]
        title: &'a str,
    },
    #[serde(untagged)]
    Raw(&'a Value),
    #[serde(untagged)]
    Marked(Value),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Text { media_type: &'static str, data: String },
    Url { url: &'a str },
}

impl<'a> Block<'a> {
    /// Returns the block for a part; `None` for reasoning that the provider did not sign.
    pub(super) fn new(part: &'a ContentPart) -> Result<Option<Self>, ModelError> {
        Ok(Some(match part {
            ContentPart::Text { text } => Block::Text { text },
            ContentPart::Reasoning { text, signature } => {
                let Some(signature) = signature else { return Ok(None) };
                Block::Thinking { thinking: text, signature }
            }
            ContentPart::ToolCall { id, name, arguments } => {
                Block::ToolUse { id, name, input: arguments }
            }
            ContentPart::ToolResult { tool_call_id, content, is_error } => {
                Block::ToolResult { tool_use_id: tool_call_id, content, is_error: *is_error }
            }
            ContentPart::Image { media_type, data_base64 } => {
                Block::Image { source: Source::Base64 { media_type, data: data_base64 } }
            }
            ContentPart::File { name, media_type, data_base64 } => {
                Block::Document { source: document(media_type, data_base64)?, title: name }
            }
            ContentPart::FileUrl { url, .. } => {
                Block::Document { source: Source::Url { url }, title: "" }
            }
            ContentPart::ImageUrl { url } => Block::Image { source: Source::Url { url } },
            ContentPart::Raw(value) | ContentPart::Native { value, .. } => Block::Raw(value),
            // Marks are members of blocks.
            ContentPart::Audio { .. } | ContentPart::CachePoint { .. } => {
                return Err(check::no_form("Anthropic", part));
            }
        }))
    }
}

impl ProviderPart for Block<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Block::Text { text } => Some(text),
            _ => None,
        }
    }

    fn whole(value: Value) -> Self {
        Block::Marked(value)
    }
}

/// Returns the source of a document: a PDF as it is, a text as text.
fn document<'a>(media_type: &'a str, data: &'a str) -> Result<Source<'a>, ModelError> {
    if media_type == "application/pdf" {
        return Ok(Source::Base64 { media_type, data });
    }
    let text = base64::decoded(data).and_then(|bytes| String::from_utf8(bytes).ok());
    match text.filter(|_| media_type.starts_with("text/")) {
        Some(data) => Ok(Source::Text { media_type: "text/plain", data }),
        None => Err(ModelError::invalid(format!(
            "a file is of the type {media_type:?}: Anthropic takes application/pdf and UTF-8 text"
        ))),
    }
}

/// Serializes arguments, null as an empty object.
fn object<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Value::Null => serializer.serialize_map(Some(0))?.end(),
        value => value.serialize(serializer),
    }
}
