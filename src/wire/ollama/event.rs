use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::wire::{
    function::Function,
    json::{List, Object, Text},
};

/// A line of a streamed answer, or a non-streamed answer, of either API.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Object<Message<'a>>,
    /// The text of `generate`.
    #[serde(borrow)]
    pub(super) response: Text<'a>,
    /// The reasoning of `generate`.
    #[serde(borrow)]
    pub(super) thinking: Text<'a>,
    pub(super) done: Value,
    #[serde(borrow)]
    pub(super) done_reason: Text<'a>,
    pub(super) total_duration: Value,
    pub(super) load_duration: Value,
    pub(super) prompt_eval_count: Value,
    pub(super) prompt_eval_duration: Value,
    pub(super) eval_count: Value,
    pub(super) eval_duration: Value,
    pub(super) error: Option<IgnoredAny>,
}

/// The message of a chat, or a fragment of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) content: Text<'a>,
    #[serde(borrow)]
    pub(super) thinking: Text<'a>,
    #[serde(borrow)]
    pub(super) tool_calls: List<ToolCall<'a>>,
}

/// A tool call, which is never fragmented.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolCall<'a> {
    /// Absent in older versions.
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) function: Object<Function<'a>>,
}
