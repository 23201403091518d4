use std::{borrow::Cow, mem::take};

use super::{
    chunk::{Custom, Message, ToolCall},
    tools::{Fragment, Tools},
    word_hash::WordHash,
};
use crate::{
    event::Delta,
    wire::{function::Function, growing::Growing, json::Text, message_content::Content},
};

/// The key of the one legacy function call.
const FUNCTION_CALL: u64 = u64::MAX;

/// The state of a choice while an answer is read.
#[derive(Debug)]
pub(super) struct ChoiceState {
    pub(super) index: u32,
    tools: Tools,
    finish: Option<WordHash>,
    /// The answer is not streamed.
    whole: bool,
    /// Deltas have the content.
    has_deltas: bool,
    /// The content of a stream that has messages in place of deltas: text, reasoning, refusal.
    messages: Option<Box<[Growing; 3]>>,
}

impl ChoiceState {
    pub(super) fn new(index: u32, whole: bool) -> Self {
        Self {
            index,
            tools: Tools::default(),
            finish: None,
            whole,
            has_deltas: false,
            messages: None,
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Emits a message or its delta. `known` is the number of tool calls in all choices.
    pub(super) fn message(
        &mut self,
        message: &mut Message<'_>,
        known: &mut usize,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let choice = self.index;
        let mut emit = |content: Content, text| {
            each(match content {
                Content::Text => Delta::Text { choice, text },
                Content::Reasoning => Delta::Reasoning { choice, text },
                Content::Refusal => Delta::Refusal { choice, text },
            });
        };
        let Message { content, refusal, reasoning_content, reasoning, reasoning_details, .. } =
            message;
        // Servers that support several names send the same reasoning under each.
        let mut reasoned = false;
        for reasoning in [reasoning_content, reasoning, reasoning_details] {
            if !reasoned && !reasoning.is_empty() {
                take(reasoning).each(Content::Reasoning, &mut |content, text| {
                    reasoned = true;
                    emit(content, text);
                });
            }
        }
        take(content).each(Content::Text, &mut |content, text| {
            if content != Content::Reasoning || !reasoned {
                emit(content, text);
            }
        });
        if let Some(text) = message.audio.0.take().and_then(|audio| audio.transcript.filled()) {
            emit(Content::Text, text);
        }
        if let Some(text) = take(refusal).filled() {
            emit(Content::Refusal, text);
        }
        let calls = take(&mut message.tool_calls).0;
        if calls.is_empty() {
            let Some(function) = message.function_call.0.take() else { return };
            self.call((Some(FUNCTION_CALL), 0), Text::default(), (function, false), known, each);
        }
        for (position, call) in calls.into_iter().enumerate() {
            let ToolCall { index, id, function, custom } = call;
            let custom = custom.0.map(|Custom { name, input }| Function { name, arguments: input });
            let free = function.0.is_none() && custom.is_some();
            let function = function.0.or(custom).unwrap_or_default();
            self.call((index.0, position), id, (function, free), known, each);
        }
    }

    /// Reads the delta of a stream.
    pub(super) fn delta(
        &mut self,
        delta: &mut Message<'_>,
        known: &mut usize,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        self.has_deltas = true;
        self.message(delta, known, each);
    }

    /// Reads a message in a stream, in place of a delta. It is a delta, all so far, or, behind deltas, all of them again:
    /// then only calls are new, if no delta had one.
    pub(super) fn streamed_message(
        &mut self,
        message: &mut Message<'_>,
        known: &mut usize,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        if self.has_deltas {
            if self.tools.is_empty() && message.has_calls() {
                let (tool_calls, function_call) =
                    (take(&mut message.tool_calls), take(&mut message.function_call));
                let mut calls = Message { tool_calls, function_call, ..Message::default() };
                self.message(&mut calls, known, each);
            }
            return;
        }
        let mut messages = self.messages.take().unwrap_or_default();
        let [text, reasoning, refusal] = &mut *messages;
        self.message(message, known, &mut |mut delta| {
            let (piece, growing) = match &mut delta {
                Delta::Text { text: piece, .. } => (piece, &mut *text),
                Delta::Reasoning { text: piece, .. } => (piece, &mut *reasoning),
                Delta::Refusal { text: piece, .. } => (piece, &mut *refusal),
                _ => return each(delta),
            };
            if let Some(new) = growing.add(take(piece)) {
                *piece = new;
                each(delta);
            }
        });
        self.messages = Some(messages);
    }

    pub(super) fn text(&self, text: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        if let Some(text) = text.filled() {
            each(Delta::Text { choice: self.index, text });
        }
    }

    /// Emits the rest of the tool calls.
    pub(super) fn end(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        let choice = self.index;
        self.tools.end(&mut |index, rest| {
            each(Delta::ToolCall { choice, index, id: None, name: None, arguments: rest.into() });
        });
    }

    /// Emits a finish reason, unless it repeats the last one.
    pub(super) fn finish(&mut self, reason: Cow<'_, str>, each: &mut dyn FnMut(Delta<'_>)) {
        self.end(each);
        let hash = Some(WordHash::new(&reason));
        if self.finish != hash {
            self.finish = hash;
            each(Delta::Finish { choice: self.index, reason });
        }
    }

    fn call(
        &mut self,
        (index, position): (Option<u64>, usize),
        id: Text<'_>,
        (function, free): (Function<'_>, bool),
        known: &mut usize,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let (id, name) = (id.filled(), function.name.filled());
        let arguments = function.arguments.0;
        if id.is_none() && name.is_none() && arguments.is_empty() {
            return;
        }
        let fragment = Fragment {
            index,
            position,
            id: id.as_deref(),
            name: name.as_deref(),
            arguments,
            free,
            whole: self.whole,
        };
        let Some(placement) = self.tools.place(fragment, known) else {
            each(Delta::DecodeFault);
            return;
        };
        let (id, name) = (id.filter(|_| placement.new_id), placement.new_name.map(Cow::Owned));
        let arguments = placement.arguments;
        if placement.opens || id.is_some() || name.is_some() || !arguments.is_empty() {
            let (choice, index) = (self.index, placement.call);
            each(Delta::ToolCall { choice, index, id, name, arguments });
        }
    }
}
