use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{event::Delta, wire::json::Text};

use super::{
    event::{Block, BlockDelta, Message},
    usage::RunningUsage,
};

/// More tool calls than can sensibly be open at once; a bound on what a stream can make us hold.
const MAX_OPEN: usize = 1024;

/// What is known of an answer while it is read, streamed or whole.
#[derive(Debug)]
pub(super) struct Answer {
    usage: RunningUsage,
    /// How many tool calls there were.
    tool_calls: u32,
    /// The `tool_use` blocks that are open: the block's index, and the tool call's.
    open: Vec<(Option<u64>, u32)>,
}

impl Answer {
    pub(super) fn new() -> Self {
        Self { usage: RunningUsage::new(), tool_calls: 0, open: Vec::new() }
    }

    /// Tells who answers.
    pub(super) fn response<'a>(message: &mut Message<'a>, each: &mut dyn FnMut(Delta<'_>)) {
        let id = std::mem::take(&mut message.id).into_inner();
        let model = std::mem::take(&mut message.model).into_inner();
        each(Delta::Response { id, model });
    }

    pub(super) fn usage(
        &mut self,
        part: Option<Map<String, Value>>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        if let Some(part) = part {
            self.usage.merge(part, each);
        }
    }

    /// A block begins, or is there whole. What is neither text, thinking nor the caller's own tool
    /// is no content: tools that run at the provider, their results, redacted thinking …
    pub(super) fn block(
        &mut self,
        index: &Value,
        block: Block<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        // Should the end of the one before have been lost, its call must not get this one's input.
        self.close(index);
        match block.kind.as_deref() {
            Some("text") => text(block.text, each),
            Some("thinking") => reasoning(block.thinking, each),
            Some("tool_use") => {
                let call = self.tool_calls;
                self.tool_calls = call.saturating_add(1);
                if self.open.len() == MAX_OPEN {
                    self.open.remove(0);
                }
                self.open.push((index.as_u64(), call));
                // An empty object stands for arguments yet to come, or for none.
                let input = block.input.0.filter(|input| !input.is_empty());
                each(Delta::ToolCall {
                    choice: 0,
                    index: call,
                    id: block.id.into_inner(),
                    name: block.name.into_inner(),
                    arguments: input.map_or(Cow::Borrowed(""), |input| {
                        Cow::Owned(Value::Object(input).to_string())
                    }),
                });
            }
            _ => {}
        }
    }

    /// More of a block.
    pub(super) fn block_delta(
        &mut self,
        index: &Value,
        delta: BlockDelta<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        match delta.kind.as_deref() {
            Some("text_delta") => text(delta.text, each),
            Some("thinking_delta") => reasoning(delta.thinking, each),
            Some("input_json_delta") => {
                let index = index.as_u64();
                // Blocks that are no tool calls have such deltas too.
                let call = self.open.iter().rev().find(|(block, _)| *block == index);
                if let (Some(&(_, call)), Some(arguments)) = (call, delta.partial_json.filled()) {
                    each(Delta::ToolCall {
                        choice: 0,
                        index: call,
                        id: None,
                        name: None,
                        arguments,
                    });
                }
            }
            _ => {}
        }
    }

    /// A block has ended.
    pub(super) fn close(&mut self, index: &Value) {
        let index = index.as_u64();
        self.open.retain(|(block, _)| *block != index);
    }

    pub(super) fn finish(reason: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        if let Some(reason) = reason.into_inner() {
            each(Delta::Finish { choice: 0, reason });
        }
    }
}

fn text(text: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
    if let Some(text) = text.filled() {
        each(Delta::Text { choice: 0, text });
    }
}

fn reasoning(text: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
    if let Some(text) = text.filled() {
        each(Delta::Reasoning { choice: 0, text });
    }
}
