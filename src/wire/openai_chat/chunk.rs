use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{arguments::Arguments, inline_vec1::InlineVec1, message_content::MessageContent};
use crate::wire::json::{List, Object, Text, in_place};

/// A chunk of a streamed answer, or a non-streamed answer: only their choices differ.
#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    pub(super) id: Text<'a>,
    pub(super) model: Text<'a>,
    pub(super) object: Text<'a>,
    pub(super) choices: InlineVec1<Choice<'a>>,
    pub(super) usage: Object<Map<String, Value>>,
    pub(super) x_groq: Object<Groq>,
    pub(super) error: Option<IgnoredAny>,
    // Members of errors without an envelope.
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

/// Groq's addition to a chunk.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Groq {
    pub(super) usage: Object<Map<String, Value>>,
}

#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    pub(super) index: Value,
    pub(super) delta: Object<Message<'a>>,
    // Boxed because it is rare beside a delta and would enlarge every choice.
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

/// A message or its delta.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) content: MessageContent<'a>,
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

/// An item of reasoning. Encrypted reasoning has no text.
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
    /// The call of a tool with free-text input, in place of a function.
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
