use serde_json::{Map, Value};

use crate::{
    event::Delta,
    wire::{block_calls::BlockCalls, json::Text, running_usage::RunningUsage},
};

use super::event::{Block, BlockDelta, Message};

/// The state of an answer while it is read.
#[derive(Debug, Default)]
pub(super) struct AnswerState {
    usage: RunningUsage,
    calls: BlockCalls,
}

impl AnswerState {
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

    /// Whether a count was reported that is not zero.
    pub(super) fn has_usage(&self) -> bool {
        self.usage.counts_something()
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
                // An empty object means arguments that follow, or a call without arguments.
                let input = Some(block.input.0.into_owned()).filter(|input| !input.is_empty());
                let (id, name) = (block.id.into_inner(), block.name.into_inner());
                self.calls.begin(index, id, name, input, whole, each);
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
                if let Some(piece) = delta.partial_json.filled() {
                    self.calls.piece(index, piece, each);
                }
            }
            _ => {}
        }
    }

    /// Ends a block.
    pub(super) fn close(&mut self, index: Option<u64>, each: &mut dyn FnMut(Delta<'_>)) {
        self.calls.close(index, each);
    }

    /// Ends all blocks.
    pub(super) fn end(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.calls.end(each);
    }

    pub(super) fn finish(reason: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        if let Some(reason) = reason.reason() {
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
