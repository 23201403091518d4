use serde::Deserialize;
use serde_json::{Map, Value};

use crate::wire::{
    function::Function,
    json::{Count, List, Object, Text},
    message_content::MessageContent,
};

/// An event of a stream, or a non-streamed answer, or an error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) output: Object<Output<'a>>,
    pub(super) usage: Object<Map<String, Value>>,
    #[serde(borrow)]
    pub(super) request_id: Text<'a>,
}

/// The answer, as messages or, if the request does not ask for these, as a text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Output<'a> {
    #[serde(borrow)]
    pub(super) choices: List<Choice<'a>>,
    #[serde(borrow)]
    pub(super) text: MessageContent<'a>,
    #[serde(borrow)]
    pub(super) finish_reason: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice<'a> {
    #[serde(borrow)]
    pub(super) message: Object<Message<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) content: MessageContent<'a>,
    #[serde(borrow)]
    pub(super) reasoning_content: MessageContent<'a>,
    #[serde(borrow)]
    pub(super) tool_calls: List<ToolCall<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolCall<'a> {
    pub(super) index: Count,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) function: Object<Function<'a>>,
}
