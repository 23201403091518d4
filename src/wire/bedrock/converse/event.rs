use serde::Deserialize;
use serde_json::{Map, Value};

use crate::wire::{
    json::{Count, List, Object, Text, in_place},
    json_text::JsonText,
};

/// Any event of a stream. The name, which is beside it, says which members it has.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) index: Count,
    pub(super) start: Object<Block<'a>>,
    pub(super) delta: Object<Block<'a>>,
    pub(super) stop_reason: Text<'a>,
    pub(super) usage: Object<Map<String, Value>>,
    pub(super) service_tier: Object<Tier<'a>>,
    pub(super) trace: Object<Trace<'a>>,
}

in_place! {
    Event {
        "contentBlockIndex" => index,
        "start" => start,
        "delta" => delta,
        "stopReason" => stop_reason,
        "usage" => usage,
        "serviceTier" => service_tier,
        "trace" => trace,
    }
}

/// A non-streamed answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) output: Object<Output<'a>>,
    #[serde(borrow)]
    pub(super) stop_reason: Text<'a>,
    pub(super) usage: Object<Map<String, Value>>,
    #[serde(borrow)]
    pub(super) service_tier: Object<Tier<'a>>,
    #[serde(borrow)]
    pub(super) trace: Object<Trace<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Output<'a> {
    #[serde(borrow)]
    pub(super) message: Object<Message<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) content: List<Block<'a>>,
}

/// A block of content: complete, as it begins, or its next piece.
#[derive(Debug, Default)]
pub(super) struct Block<'a> {
    pub(super) text: Text<'a>,
    pub(super) tool_use: Object<ToolUse<'a>>,
    pub(super) reasoning: Object<Reasoning<'a>>,
    pub(super) citations: Object<Citations<'a>>,
}

in_place! {
    Block {
        "text" => text,
        "toolUse" => tool_use,
        "reasoningContent" => reasoning,
        "citationsContent" => citations,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ToolUse<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) tool_use_id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// A string with a piece of JSON in a stream, else a value.
    #[serde(borrow)]
    pub(super) input: JsonText<'a>,
}

impl ToolUse<'_> {
    /// Whether the provider itself runs the tool.
    pub(super) fn runs_at_provider(&self) -> bool {
        self.kind.as_deref() == Some("server_tool_use")
    }
}

/// The reasoning of a model. A signature or redacted content is not read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reasoning<'a> {
    /// A piece of it.
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    /// All of it.
    #[serde(borrow)]
    pub(super) reasoning_text: Object<TextPart<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TextPart<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
}

/// A text with its sources.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Citations<'a> {
    #[serde(borrow)]
    pub(super) content: List<TextPart<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tier<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
}

/// What Bedrock has done with the request: `ConverseTrace` and `PromptRouterTrace` in its API reference.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Trace<'a> {
    #[serde(borrow)]
    pub(super) prompt_router: Object<PromptRouter<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PromptRouter<'a> {
    #[serde(borrow)]
    pub(super) invoked_model_id: Text<'a>,
}
