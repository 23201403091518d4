use std::mem::take;

use serde_json::{Map, Value};

use super::event::{Content, Interaction, Step, StepDelta};
use crate::{
    event::Delta,
    wire::{
        json::{Object, Text},
        tool_calls::{CallPiece, ToolCalls},
        usage,
    },
};

/// The state of an answer while it is read.
#[derive(Debug, Default)]
pub(super) struct AnswerState {
    calls: ToolCalls,
    has_id: bool,
    has_model: bool,
    /// Text or reasoning was emitted.
    has_text: bool,
}

impl AnswerState {
    /// Emits the id and the model, once each.
    pub(super) fn response(
        &mut self,
        id: Text<'_>,
        model: Text<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        let id = id.filled().filter(|_| !self.has_id);
        let model = model.filled().filter(|_| !self.has_model);
        if id.is_some() || model.is_some() {
            self.has_id |= id.is_some();
            self.has_model |= model.is_some();
            each(Delta::Response { id, model });
        }
    }

    /// Reads a step, complete or as it begins.
    pub(super) fn step(&mut self, index: u64, step: Step<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        match step.kind.as_deref() {
            Some("model_output") => self.texts(step.content.0, false, each),
            Some("text") => self.texts(vec![Content { text: step.text }], false, each),
            Some("thought") => {
                let summary = [step.summary.0, step.content.0];
                summary.into_iter().for_each(|parts| self.texts(parts, true, each));
            }
            Some("function_call") => {
                let (id, name) = (step.id.filled(), step.name.filled());
                let arguments = step.arguments.0;
                self.calls.add(index, CallPiece { id, name, arguments, whole: false }, each);
            }
            _ => {}
        }
    }

    /// Reads what an event adds to a step.
    pub(super) fn delta(
        &mut self,
        index: u64,
        delta: StepDelta<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        match delta.kind.as_deref() {
            Some("text") => self.texts(vec![Content { text: delta.text }], false, each),
            Some("thought_summary") => self.texts(delta.content.0, true, each),
            Some("arguments_delta" | "function_call") => {
                let (id, name) = (delta.id.filled(), delta.name.filled());
                let arguments = delta.arguments.0;
                self.calls.add(index, CallPiece { id, name, arguments, whole: false }, each);
            }
            _ => {}
        }
    }

    fn texts(&mut self, parts: Vec<Content<'_>>, thought: bool, each: &mut dyn FnMut(Delta<'_>)) {
        for text in parts.into_iter().filter_map(|part| part.text.filled()) {
            self.has_text = true;
            each(match thought {
                true => Delta::Reasoning { choice: 0, text },
                false => Delta::Text { choice: 0, text },
            });
        }
    }

    /// Reads an interaction as a whole, without what was streamed before.
    pub(super) fn interaction(
        &mut self,
        interaction: &mut Interaction<'_>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        self.response(take(&mut interaction.id), take(&mut interaction.model), each);
        let streamed = self.has_text || self.calls.len() > 0;
        let steps = interaction.steps.0.take().or_else(|| interaction.outputs.0.take());
        let steps = steps.filter(|_| !streamed);
        for (index, step) in (0..).zip(steps.into_iter().flatten()) {
            self.step(index, step, each);
        }
        self.end(each);
        Self::usage(take(&mut interaction.usage), interaction.service_tier.as_deref(), each);
    }

    pub(super) fn usage(
        usage: Object<Map<String, Value>>,
        tier: Option<&str>,
        each: &mut dyn FnMut(Delta<'_>),
    ) {
        if let Some(usage) = usage.0 {
            usage::emit(usage, tier, each);
        }
    }

    /// Emits the rest of the tool calls.
    pub(super) fn end(&mut self, each: &mut dyn FnMut(Delta<'_>)) {
        self.calls.end(each);
    }
}
