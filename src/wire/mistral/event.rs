use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use crate::wire::{
    json::{Count, List, Object, Text},
    json_text::JsonText,
    message_content::MessageContent,
};

/// Any event of a stream, or an entry of a non-streamed answer's outputs. Flat, since serde buffers a tagged enum until it
/// knows the variant.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) conversation_id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    /// The position of the entry.
    pub(super) output_index: Count,
    /// The text of a message, or its parts.
    #[serde(borrow)]
    pub(super) content: MessageContent<'a>,
    #[serde(borrow)]
    pub(super) tool_call_id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// The arguments of a call, or a fragment of them.
    #[serde(borrow)]
    pub(super) arguments: JsonText<'a>,
    pub(super) usage: Object<Map<String, Value>>,
    /// The code of an error.
    pub(super) code: Count,
}

/// A non-streamed answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) object: Text<'a>,
    #[serde(borrow)]
    pub(super) conversation_id: Text<'a>,
    #[serde(borrow)]
    pub(super) outputs: List<Event<'a>>,
    pub(super) usage: Object<Map<String, Value>>,
    pub(super) error: Option<IgnoredAny>,
}
