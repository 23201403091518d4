use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{arguments::Arguments, content::Content, few::Few};
use crate::wire::json::{List, Object, Text};

/// A chunk of a streamed answer, or a whole one: they differ in their choices only.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) object: Text<'a>,
    #[serde(borrow)]
    pub(super) choices: Few<Choice<'a>>,
    pub(super) usage: Object<Map<String, Value>>,
    pub(super) x_groq: Object<Groq>,
    pub(super) error: Option<IgnoredAny>,
    // Of errors that have all of it at the top.
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
    pub(super) code: Option<IgnoredAny>,
    pub(super) detail: Option<IgnoredAny>,
}

/// What Groq adds to a chunk.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Groq {
    pub(super) usage: Object<Map<String, Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice<'a> {
    pub(super) index: Value,
    #[serde(borrow)]
    pub(super) delta: Object<Message<'a>>,
    // Apart, since few have one beside the delta, and it makes the others larger.
    #[serde(borrow)]
    pub(super) message: Object<Box<Message<'a>>>,
    /// The content of legacy Completions.
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) finish_reason: Text<'a>,
}

/// A message, or what is new of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) content: Content<'a>,
    #[serde(borrow)]
    pub(super) refusal: Text<'a>,
    #[serde(borrow)]
    pub(super) reasoning_content: Text<'a>,
    #[serde(borrow)]
    pub(super) reasoning: Text<'a>,
    #[serde(borrow)]
    pub(super) reasoning_details: List<ReasoningDetail<'a>>,
    #[serde(borrow)]
    pub(super) tool_calls: List<ToolCall<'a>>,
    #[serde(borrow)]
    pub(super) function_call: Object<Function<'a>>,
}

/// Without a text where it is encrypted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReasoningDetail<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolCall<'a> {
    pub(super) index: Value,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) function: Object<Function<'a>>,
    /// In the place of a function, that of a tool whose input is free text.
    #[serde(borrow)]
    pub(super) custom: Object<Custom<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) arguments: Arguments<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Custom<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) input: Arguments<'a>,
}
