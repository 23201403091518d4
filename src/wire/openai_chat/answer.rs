use std::mem::take;

use serde_json::json;

use super::{
    choice::ChoiceState,
    chunk::{Choice, Chunk, Message},
};
use crate::{
    event::{Delta, ProviderError},
    wire::{
        error::in_band,
        error_body::is_filled,
        json::{self, Text},
        usage,
    },
};

/// More choices than can be requested. Bounds the memory of a stream.
const MAX_CHOICES: usize = 1024;

/// Finish reasons that say that the provider failed: OpenRouter's, DeepSeek's, Zhipu's.
const FAILURES: [&str; 3] = ["error", "insufficient_system_resource", "network_error"];

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Streamed,
    Whole,
}

/// The state of an answer while it is read.
#[derive(Debug, Default)]
pub(super) struct AnswerState {
    has_id: bool,
    has_model: bool,
    has_fingerprint: bool,
    /// A `usage` was read. What is reported elsewhere says less.
    has_usage: bool,
    choices: Vec<ChoiceState>,
    /// The number of tool calls in all choices.
    calls: usize,
    /// An object `chat.completion.done` was read.
    ended: bool,
    /// A choice has an `error`, which may be empty.
    failure: bool,
    /// A choice has the finish reason `error`.
    failed: bool,
    /// The last chunk began a choice or has tool calls.
    changed: bool,
}

impl AnswerState {
    /// Returns whether an answer without an end mark is complete.
    pub(super) fn is_complete(&self) -> bool {
        let finished =
            !self.choices.is_empty() && self.choices.iter().all(ChoiceState::is_finished);
        finished || self.ended
    }

    /// Returns whether the last chunk would be read alike once more.
    pub(super) fn repeats(&self) -> bool {
        !self.changed
    }

    /// Returns the error of a choice of a chunk, of which there is no other sign.
    pub(super) fn failure(&mut self, chunk: &str) -> Option<ProviderError> {
        let suspect = take(&mut self.failure);
        if !suspect && !self.failed {
            return None;
        }
        let value = json::value(chunk).unwrap_or_default();
        let choices = value["choices"].as_array();
        let errors = choices.into_iter().flatten().map(|choice| &choice["error"]);
        let error = errors.into_iter().find(|error| is_filled(error));
        (self.failed || error.is_some()).then(|| in_band(&json!({ "error": error }).to_string()))
    }

    /// Emits the rest of open tool calls.
    pub(super) fn end(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.choices.iter_mut().for_each(|choice| choice.end(each));
    }

    /// Emits the contents of a chunk, except for an error. Takes them out of it, since a chunk is large. `json` is its text.
    pub(super) fn chunk(
        &mut self,
        chunk: &mut Chunk<'_>,
        json: &str,
        form: Form,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        self.changed = false;
        self.response(take(&mut chunk.id), take(&mut chunk.model), each);
        if !self.has_fingerprint
            && let Some(fingerprint) = take(&mut chunk.system_fingerprint).filled()
        {
            (self.has_fingerprint, self.changed) = (true, true);
            each(Delta::Fingerprint(fingerprint));
        }
        if let Some(text) = take(&mut chunk.value).filled() {
            each(Delta::Text { choice: 0, text });
        }
        let mut in_choice = None;
        for (position, choice) in chunk.choices.iter_mut().enumerate() {
            in_choice = choice.usage.0.take().or(in_choice);
            self.choice(position, choice, form, each);
        }
        let groq = chunk.x_groq.0.as_mut();
        let usage = chunk.usage.0.take().or_else(|| groq?.usage.0.take()).or(in_choice);
        let usage = usage.filter(|usage| usage.values().any(|value| !value.is_null()));
        self.has_usage |= usage.is_some();
        let other = chunk.other_usage.0 && !self.has_usage;
        if let Some(usage) = usage.or_else(|| other.then(|| usage::elsewhere(json)).flatten()) {
            usage::emit(usage, chunk.service_tier.as_deref().filter(|tier| !tier.is_empty()), each);
        }
        self.ended |= chunk.object.as_deref() == Some("chat.completion.done");
    }

    /// Emits the first nonempty ids of the response and the model.
    fn response(&mut self, id: Text<'_>, model: Text<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        if self.has_id && self.has_model {
            return;
        }
        let id = id.filled().filter(|_| !self.has_id);
        let model = model.filled().filter(|_| !self.has_model);
        if id.is_some() || model.is_some() {
            self.has_id |= id.is_some();
            self.has_model |= model.is_some();
            each(Delta::Response { id, model });
        }
    }

    fn choice(
        &mut self,
        position: usize,
        choice: &mut Choice<'_>,
        form: Form,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let Choice { index, delta, message, text, finish_reason, stop_reason, usage: _, error } =
            choice;
        let finish = take(finish_reason).reason().or_else(|| take(stop_reason).reason());
        let (delta, message) = (delta.0.as_mut(), message.0.as_deref_mut());
        self.failure |= error.is_some();
        if delta.is_none() && message.is_none() && text.as_deref().is_none() && finish.is_none() {
            // For example the results of Azure's content filter.
            return;
        }
        let index = index.0.and_then(|index| u32::try_from(index).ok());
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        let index = index.unwrap_or(position);
        // Servers that copy a choice leave its index.
        let is_copy = form == Form::Whole && self.choices.iter().any(|it| it.index == index);
        let index = if is_copy { position } else { index };
        let Some((state, is_new)) = state(&mut self.choices, index, form) else {
            each(Delta::DecodeFault);
            return;
        };
        let only_message = delta.is_none() && message.is_some();
        self.changed |= is_new || only_message || delta.as_deref().is_some_and(Message::has_calls);
        let calls = &mut self.calls;
        match (form, delta, message) {
            // In a non-streamed answer a delta is empty.
            (Form::Whole, _, Some(message)) => state.message(message, calls, each),
            (_, Some(delta), _) => state.delta(delta, calls, each),
            (Form::Streamed, None, Some(message)) => state.streamed_message(message, calls, each),
            (_, None, None) => state.text(take(text), each),
        }
        if let Some(reason) = finish {
            self.failed |= FAILURES.contains(&&*reason);
            state.finish(reason, each);
        }
    }
}

/// Returns the state of a choice and whether it is new; `None` if there are too many choices.
fn state(
    choices: &mut Vec<ChoiceState>,
    index: u32,
    form: Form,
) -> Option<(&mut ChoiceState, bool)> {
    let known = choices.iter().position(|choice| choice.index == index);
    let at = match known {
        Some(at) => at,
        None if choices.len() == MAX_CHOICES => return None,
        None => {
            // Usually there is one choice; `push` would reserve space for four.
            choices.reserve_exact(usize::from(choices.is_empty()));
            choices.push(ChoiceState::new(index, form == Form::Whole));
            choices.len() - 1
        }
    };
    Some((&mut choices[at], known.is_none()))
}
