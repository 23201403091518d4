use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{
    event::Delta,
    wire::{arguments::Arguments, json::Text},
};

use super::{
    event::{Block, BlockDelta, Message},
    usage::RunningUsage,
};

/// More tool calls than are ever open at once. Bounds the memory of a stream.
const MAX_OPEN: usize = 1024;

/// The state of an answer while it is read.
#[derive(Debug)]
pub(super) struct AnswerState {
    usage: RunningUsage,
    /// The number of tool calls so far.
    tool_calls: u32,
    /// The open `tool_use` blocks.
    open: Vec<OpenCall>,
}

/// A `tool_use` block whose end was not read.
#[derive(Debug)]
struct OpenCall {
    /// The index of the block.
    block: Option<u64>,
    /// The index of the tool call.
    call: u32,
    /// The input that the block began with. Deltas replace it, as in Anthropic's SDKs.
    input: Option<String>,
    arguments: Arguments,
}

impl OpenCall {
    fn end(mut self, each: &mut dyn FnMut(Delta<'_>)) {
        let rest = self.input.or_else(|| self.arguments.end());
        if let Some(rest) = rest {
            arguments(self.call, rest.into(), each);
        }
    }
}

impl AnswerState {
    pub(super) fn new() -> Self {
        Self { usage: RunningUsage::new(), tool_calls: 0, open: Vec::new() }
    }

    /// Emits the ids of the response and the model.
    pub(super) fn response<'a>(message: &mut Message<'a>, each: &mut dyn FnMut(Delta<'_>)) {
        let id = std::mem::take(&mut message.id).into_inner();
        let model = std::mem::take(&mut message.model).into_inner();
        each(Delta::Response { id, model });
    }

    pub(super) fn usage(
        &mut self,
        report: Option<Map<String, Value>>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        if let Some(report) = report {
            self.usage.merge(report, each);
        }
    }

    /// Begins a block, or reads a `whole` one. Only text, thinking and calls of the caller's own tools are
    /// content: not tools that run at the provider, their results, redacted thinking …
    pub(super) fn block(
        &mut self,
        index: Option<u64>,
        block: Block<'_>,
        whole: bool,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        // If the end of the previous block was lost, its call must not receive this block's input.
        self.close(index, each);
        match block.kind.as_deref() {
            Some("text") => text(block.text, each),
            Some("thinking") => reasoning(block.thinking, each),
            Some("tool_use") => {
                let call = self.tool_calls;
                self.tool_calls = call.saturating_add(1);
                // An empty object means arguments that follow, or a call without arguments.
                let input = block.input.0.filter(|input| !input.is_empty());
                let input = input.map(|input| Value::Object(input).to_string());
                let (id, name) = (block.id.into_inner(), block.name.into_inner());
                let (input, sent) = if whole { (None, input) } else { (input, None) };
                if self.open.len() == MAX_OPEN {
                    self.open.remove(0).end(each);
                }
                let arguments = Arguments::default();
                self.open.push(OpenCall { block: index, call, input, arguments });
                each(Delta::ToolCall {
                    choice: 0,
                    index: call,
                    id,
                    name,
                    arguments: sent.map_or(Cow::Borrowed(""), Cow::Owned),
                });
            }
            _ => {}
        }
    }

    /// Reads a delta of a block.
    pub(super) fn block_delta(
        &mut self,
        index: Option<u64>,
        delta: BlockDelta<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        match delta.kind.as_deref() {
            Some("text_delta") => text(delta.text, each),
            Some("thinking_delta") => reasoning(delta.thinking, each),
            Some("input_json_delta") => {
                // Blocks other than `tool_use` have such deltas too.
                let open = self.open.iter_mut().rev().find(|open| open.block == index);
                if let (Some(open), Some(piece)) = (open, delta.partial_json.filled()) {
                    if piece.trim() != "{}" {
                        open.input = None;
                    }
                    if let Some(new) = open.arguments.push(piece) {
                        arguments(open.call, new, each);
                    }
                }
            }
            _ => {}
        }
    }

    /// Ends a block.
    pub(super) fn close(&mut self, index: Option<u64>, each: &mut dyn FnMut(Delta<'_>)) {
        while let Some(at) = self.open.iter().position(|open| open.block == index) {
            self.open.remove(at).end(each);
        }
    }

    /// Ends all blocks.
    pub(super) fn end(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.open.drain(..).for_each(|open| open.end(each));
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

fn arguments(call: u32, arguments: Cow<'_, str>, each: &mut dyn FnMut(Delta<'_>)) {
    each(Delta::ToolCall { choice: 0, index: call, id: None, name: None, arguments });
}
