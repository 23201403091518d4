use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::inline_vec1::InlineVec1;
use crate::wire::{
    error_body::is_suspect,
    function::Function,
    json::{Count, Many, Object, Seen, Text, in_place},
    json_text::JsonText,
    message_content::MessageContent,
};

/// A chunk of a streamed answer, or a non-streamed answer: only their choices differ.
#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    pub(super) id: Text<'a>,
    pub(super) model: Text<'a>,
    pub(super) object: Text<'a>,
    pub(super) choices: InlineVec1<Choice<'a>>,
    pub(super) usage: Object<Map<String, Value>>,
    /// A member in which servers of other APIs report the usage.
    pub(super) other_usage: Seen,
    pub(super) service_tier: Text<'a>,
    pub(super) system_fingerprint: Text<'a>,
    pub(super) x_groq: Object<Groq>,
    /// A piece of text in place of choices, as Writer sends it.
    pub(super) value: Text<'a>,
    pub(super) kind: Text<'a>,
    /// A member in which Meta's Llama API has its answer.
    pub(super) llama: Seen,
    /// A member that errors have.
    pub(super) suspect: Seen,
}

in_place! {
    Chunk {
        "id" => id,
        "model" => model,
        "object" => object,
        "choices" => choices,
        "usage" => usage,
        "usageMetadata" | "usage_metadata" | "timings" | "tokens_predicted" => other_usage,
        "service_tier" => service_tier,
        "system_fingerprint" => system_fingerprint,
        "x_groq" => x_groq,
        "value" => value,
        "type" => kind,
        "completion_message" | "event" => llama,
        ? is_suspect => suspect,
    }
}

/// Groq's addition to a chunk.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Groq {
    pub(super) usage: Object<Map<String, Value>>,
    /// Why the stream stops early.
    pub(super) error: Value,
}

#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    pub(super) index: Count,
    pub(super) delta: Object<Message<'a>>,
    // Boxed because it is rare beside a delta and would enlarge every choice.
    pub(super) message: Object<Box<Message<'a>>>,
    /// The content of legacy Completions.
    pub(super) text: Text<'a>,
    pub(super) finish_reason: Text<'a>,
    /// The finish reason of Mistral's models on Bedrock. Beside one, vLLM's stop text.
    pub(super) stop_reason: Text<'a>,
    /// Some servers report the usage and errors of the call here.
    pub(super) usage: Object<Map<String, Value>>,
    pub(super) error: Option<IgnoredAny>,
}

in_place! {
    Choice {
        "index" => index,
        "delta" => delta,
        "message" => message,
        "text" => text,
        "finish_reason" => finish_reason,
        "stop_reason" => stop_reason,
        "usage" => usage,
        "error" => error,
    }
}

/// A message or its delta.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) content: MessageContent<'a>,
    pub(super) refusal: Text<'a>,
    pub(super) reasoning_content: MessageContent<'a>,
    /// The same under other names.
    pub(super) reasoning: MessageContent<'a>,
    pub(super) reasoning_details: MessageContent<'a>,
    /// What a spoken answer says.
    pub(super) audio: Object<Audio<'a>>,
    pub(super) tool_calls: Many<ToolCall<'a>>,
    pub(super) function_call: Object<Function<'a>>,
}

in_place! {
    Message {
        "content" => content,
        "refusal" => refusal,
        "reasoning_content" => reasoning_content,
        "reasoning" | "reasoning_text" | "reasoning_summary" | "thinking" | "thinking_content" | "thought" => reasoning,
        "reasoning_details" | "thinking_blocks" => reasoning_details,
        "audio" => audio,
        "tool_calls" => tool_calls,
        "function_call" => function_call,
    }
}

impl Message<'_> {
    pub(super) fn has_calls(&self) -> bool {
        !self.tool_calls.0.is_empty() || self.function_call.0.is_some()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Audio<'a> {
    #[serde(borrow)]
    pub(super) transcript: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolCall<'a> {
    pub(super) index: Count,
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
pub(super) struct Custom<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) input: JsonText<'a>,
}
