use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{arguments::Arguments, content::Content, few::Few};
use crate::wire::json::{List, Object, Text, in_place};

/// A chunk of a streamed answer, or a whole one: they differ in their choices only.
#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    pub(super) id: Text<'a>,
    pub(super) model: Text<'a>,
    pub(super) object: Text<'a>,
    pub(super) choices: Few<Choice<'a>>,
    pub(super) usage: Object<Map<String, Value>>,
    pub(super) x_groq: Object<Groq>,
    pub(super) error: Option<IgnoredAny>,
    // Of errors that have all of it at the top.
    pub(super) kind: Text<'a>,
    pub(super) message: Text<'a>,
    pub(super) code: Option<IgnoredAny>,
    pub(super) detail: Option<IgnoredAny>,
}

in_place! {
    Chunk {
        "id" => id,
        "model" => model,
        "object" => object,
        "choices" => choices,
        "usage" => usage,
        "x_groq" => x_groq,
        "error" => error,
        "type" => kind,
        "message" => message,
        "code" => code,
        "detail" => detail,
    }
}

/// What Groq adds to a chunk.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Groq {
    pub(super) usage: Object<Map<String, Value>>,
}

#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    pub(super) index: Value,
    pub(super) delta: Object<Message<'a>>,
    // Apart, since few have one beside the delta, and it makes the others larger.
    pub(super) message: Object<Box<Message<'a>>>,
    /// The content of legacy Completions.
    pub(super) text: Text<'a>,
    pub(super) finish_reason: Text<'a>,
}

in_place! {
    Choice {
        "index" => index,
        "delta" => delta,
        "message" => message,
        "text" => text,
        "finish_reason" => finish_reason,
    }
}

/// A message, or what is new of it.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) content: Content<'a>,
    pub(super) refusal: Text<'a>,
    pub(super) reasoning_content: Text<'a>,
    pub(super) reasoning: Text<'a>,
    pub(super) reasoning_details: List<ReasoningDetail<'a>>,
    pub(super) tool_calls: List<ToolCall<'a>>,
    pub(super) function_call: Object<Function<'a>>,
}

in_place! {
    Message {
        "content" => content,
        "refusal" => refusal,
        "reasoning_content" => reasoning_content,
        "reasoning" => reasoning,
        "reasoning_details" => reasoning_details,
        "tool_calls" => tool_calls,
        "function_call" => function_call,
    }
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
