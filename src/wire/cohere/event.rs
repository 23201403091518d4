use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use crate::wire::{
    function::Function,
    json::{Count, List, Many, Object, Parts, Text, TextPart},
    json_text::JsonText,
};

/// Any event of a stream, or a non-streamed answer, of either version. Flat, since serde buffers a tagged enum until it
/// knows the variant.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    /// The type of an event of version 2.
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    /// The type of an event of version 1.
    #[serde(borrow)]
    pub(super) event_type: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    /// The id in version 1.
    #[serde(borrow)]
    pub(super) generation_id: Text<'a>,
    /// The position of a tool call; of a generation in version 1.
    pub(super) index: Count,
    #[serde(borrow)]
    pub(super) delta: Object<EventDelta<'a>>,
    #[serde(borrow)]
    pub(super) message: Object<Message<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Text<'a>,
    pub(super) usage: Object<Map<String, Value>>,
    /// A text in version 1.
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    /// The tool calls in version 1.
    #[serde(borrow)]
    pub(super) tool_calls: List<CallV1<'a>>,
    /// A piece of one in version 1.
    #[serde(borrow)]
    pub(super) tool_call_delta: Object<CallV1<'a>>,
    #[serde(borrow)]
    pub(super) generations: List<Generation<'a>>,
    /// The usage in version 1.
    pub(super) meta: Object<Map<String, Value>>,
    /// The whole answer at the end of a stream of version 1.
    #[serde(borrow)]
    pub(super) response: Object<Box<Event<'a>>>,
    pub(super) error: Option<IgnoredAny>,
}

/// What an event of version 2 adds to the answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EventDelta<'a> {
    #[serde(borrow)]
    pub(super) message: Object<Message<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Text<'a>,
    pub(super) usage: Object<Map<String, Value>>,
    pub(super) error: Option<IgnoredAny>,
}

/// A message. An event has one part of it and one call; a non-streamed answer has lists of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) content: Parts<Part<'a>>,
    #[serde(borrow)]
    pub(super) tool_calls: Many<Call<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) thinking: Text<'a>,
}

impl<'de: 'a, 'a> TextPart<'de> for Part<'a> {
    fn of_text(text: Text<'de>) -> Self {
        Self { text, ..Self::default() }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) function: Object<Function<'a>>,
}

/// A tool call of version 1, or a piece of one, whose parameters are a text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CallV1<'a> {
    pub(super) index: Count,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) parameters: JsonText<'a>,
}

/// One of the answers of `generate`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Generation<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) finish_reason: Text<'a>,
}
