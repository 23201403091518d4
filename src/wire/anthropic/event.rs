use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use crate::wire::{
    error_body::is_suspect,
    json::{Count, Object, Parts, Seen, Text, TextPart, in_place},
    json_text::JsonText,
};

/// Any event of a stream. Flat, since serde buffers a tagged enum until it knows the variant.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) kind: Text<'a>,
    pub(super) message: Object<Message<'a>>,
    pub(super) index: Count,
    pub(super) content_block: Object<Block<'a>>,
    pub(super) delta: Object<BlockDelta<'a>>,
    pub(super) usage: Object<Map<String, Value>>,
    /// The counts of Bedrock itself, which proxies of it pass on as they are.
    pub(super) metrics: Object<Map<String, Value>>,
    /// A member that errors have.
    pub(super) suspect: Seen,
}

in_place! {
    Event {
        "type" => kind,
        "message" => message,
        "index" => index,
        "content_block" => content_block,
        "delta" => delta,
        "usage" => usage,
        "amazon-bedrock-invocationMetrics" => metrics,
        ? is_suspect => suspect,
    }
}

/// A `content_block_delta`, the most frequent event. A type of its own halves the cost of reading it.
#[derive(Debug, Default)]
pub(super) struct DeltaEvent<'a> {
    pub(super) kind: Text<'a>,
    pub(super) index: Count,
    pub(super) delta: Object<BlockDelta<'a>>,
}

in_place! {
    DeltaEvent {
        "type" => kind,
        "index" => index,
        "delta" => delta,
    }
}

/// A message: a non-streamed answer, or the beginning of a streamed one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) content: Parts<Block<'a>>,
    #[serde(borrow)]
    pub(super) stop_reason: Text<'a>,
    pub(super) usage: Object<Map<String, Value>>,
    pub(super) error: Option<IgnoredAny>,
}

/// A block of content, complete or as it begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) thinking: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) input: JsonText<'a>,
}

impl<'de: 'a, 'a> TextPart<'de> for Block<'a> {
    fn of_text(text: Text<'de>) -> Self {
        Self { kind: "text".into(), text, ..Self::default() }
    }
}

/// The `delta` of a `content_block_delta` or a `message_delta`.
#[derive(Debug, Default)]
pub(super) struct BlockDelta<'a> {
    pub(super) kind: Text<'a>,
    pub(super) text: Text<'a>,
    pub(super) thinking: Text<'a>,
    pub(super) partial_json: JsonText<'a>,
    pub(super) stop_reason: Text<'a>,
}

in_place! {
    BlockDelta {
        "type" => kind,
        "text" => text,
        "thinking" => thinking,
        "partial_json" => partial_json,
        "stop_reason" => stop_reason,
    }
}
