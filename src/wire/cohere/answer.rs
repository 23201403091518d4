use std::{borrow::Cow, mem::take};

use serde_json::{Map, Value};

use super::event::{CallV1, Event, Generation, Message};
use crate::{
    event::Delta,
    wire::{
        json::Text,
        tool_calls::{CallPiece, ToolCalls},
        usage,
    },
};

/// The state of an answer while it is read.
#[derive(Debug, Default)]
pub(super) struct AnswerState {
    calls: ToolCalls,
    has_id: bool,
    has_text: bool,
}

impl AnswerState {
    /// Emits the id of the answer, once.
    pub(super) fn id(&mut self, event: &mut Event<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let id = take(&mut event.generation_id).filled().or_else(|| take(&mut event.id).filled());
        if let Some(id) = id.filter(|_| !self.has_id) {
            self.has_id = true;
            each(Delta::Response { id: Some(id), model: None });
        }
    }

    /// Reads a message, or what an event adds to it. `index` is that of the event's call.
    pub(super) fn message(
        &mut self,
        message: Message<'_>,
        index: Option<u64>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        for part in message.content.0.into_iter().flatten() {
            if let Some(text) = part.thinking.filled() {
                each(Delta::Reasoning { choice: 0, text });
            }
            self.text(0, part.text, each);
        }
        for (position, call) in message.tool_calls.0.into_iter().enumerate() {
            let function = call.function.0.unwrap_or_default();
            let (id, name) = (call.id.filled(), function.name.filled());
            let piece = CallPiece { id, name, arguments: function.arguments.0, whole: false };
            self.calls.add(index.unwrap_or(position as u64), piece, each);
        }
    }

    pub(super) fn text(&mut self, choice: u32, text: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        if let Some(text) = text.filled() {
            self.has_text = true;
            each(Delta::Text { choice, text });
        }
    }

    /// Reads a piece of a call of version 1.
    pub(super) fn call_v1(&mut self, call: CallV1<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        self.piece_v1(call.index.0.unwrap_or(0), call.name, call.parameters.0, false, each);
    }

    /// Reads the calls of version 1 as a whole, after their pieces or without them.
    pub(super) fn calls_v1(&mut self, calls: Vec<CallV1<'_>>, each: &mut dyn FnMut(Delta<'_>)) {
        for (index, call) in (0..).zip(calls) {
            self.piece_v1(index, call.name, call.parameters.0, true, each);
        }
    }

    fn piece_v1(
        &mut self,
        index: u64,
        name: Text<'_>,
        arguments: Cow<'_, str>,
        whole: bool,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let piece = CallPiece { id: None, name: name.filled(), arguments, whole };
        self.calls.add(index, piece, each);
    }

    /// Reads the answer of version 1, which repeats what was streamed before, and ends it. Returns the finish reason of
    /// choice 0.
    pub(super) fn answer_v1<'a>(
        &mut self,
        mut event: Event<'a>,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Text<'a> {
        self.id(&mut event, each);
        let repeated = self.has_text;
        if !repeated {
            self.text(0, event.text, each);
        }
        self.calls_v1(event.tool_calls.0.unwrap_or_default(), each);
        for (choice, generation) in (0..).zip(event.generations.0.into_iter().flatten()) {
            let Generation { text, finish_reason } = generation;
            if !repeated {
                self.text(choice, text, each);
            }
            if let Some(reason) = finish_reason.reason() {
                each(Delta::Finish { choice, reason });
            }
        }
        if let Some(mut meta) = event.meta.0 {
            meta.retain(|name, _| matches!(&**name, "tokens" | "billed_units" | "cached_tokens"));
            Self::usage(meta, each);
        }
        event.finish_reason
    }

    pub(super) fn usage(usage: Map<String, Value>, each: &mut dyn FnMut(Delta<'_>)) {
        usage::emit(usage, None, each);
    }

    /// Emits the rest of the tool calls.
    pub(super) fn end(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.calls.end(each);
    }
}
