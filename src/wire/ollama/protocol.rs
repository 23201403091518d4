use serde_json::{Map, Value};

use super::event::{Line, ToolCall};
use crate::{
    event::{Delta, ProviderError},
    wire::{
        error::said,
        json::{self, Count, ReadError},
        protocol::{ObjectBody, Protocol},
        usage,
    },
};

/// The protocol of Ollama's lines and non-streamed answers.
#[derive(Debug, Default)]
pub(super) struct Ollama {
    /// Whether the model was emitted.
    has_model: bool,
    /// The number of tool calls so far.
    calls: u32,
}

impl Protocol for Ollama {
    const OBJECT: ObjectBody = ObjectBody::Line;

    fn event(
        &mut self,
        _name: Option<&str>,
        data: &str,
        each: &mut dyn FnMut(Delta<'_>),
    ) -> Result<(), ReadError> {
        // Ollama sends neither, but gateways turn its lines into events.
        if matches!(data, "" | "[DONE]") {
            return Ok(());
        }
        let mut line: Line<'_> = json::read(data)?;
        if let Some(error) = failure(&line, data) {
            each(Delta::Error(error));
            return Ok(());
        }
        self.content(&mut line, each);
        if line.done == true {
            end(line, each);
        }
        Ok(())
    }

    fn whole(&mut self, json: &str, each: &mut dyn FnMut(Delta<'_>)) -> Result<(), ReadError> {
        let mut answer: Line<'_> = json::read(json)?;
        if let Some(error) = failure(&answer, json) {
            each(Delta::Error(error));
            return Ok(());
        }
        if !is_answer(&answer) {
            return Err(ReadError::Unreadable);
        }
        each(Delta::NotStreamed);
        self.content(&mut answer, each);
        end(answer, each);
        Ok(())
    }
}

impl Ollama {
    fn content(&mut self, line: &mut Line<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        if !self.has_model
            && let Some(model) = std::mem::take(&mut line.model).filled()
        {
            self.has_model = true;
            each(Delta::Response { id: None, model: Some(model) });
        }
        let message = line.message.0.take().unwrap_or_default();
        for text in [message.thinking, std::mem::take(&mut line.thinking)] {
            if let Some(text) = text.filled() {
                each(Delta::Reasoning { choice: 0, text });
            }
        }
        for text in [message.content, std::mem::take(&mut line.response)] {
            if let Some(text) = text.filled() {
                each(Delta::Text { choice: 0, text });
            }
        }
        for call in message.tool_calls.0.into_iter().flatten() {
            self.call(call, each);
        }
    }

    fn call(&mut self, call: ToolCall<'_>, each: &mut dyn FnMut(Delta<'_>)) {
        let Some(function) = call.function.0 else { return };
        let index = self.calls;
        self.calls = index.saturating_add(1);
        let (id, name) = (call.id.filled(), function.name.filled());
        let arguments = function.arguments.whole().unwrap_or_default();
        each(Delta::ToolCall { choice: 0, index, id, name, arguments });
    }
}

fn is_answer(line: &Line<'_>) -> bool {
    line.message.0.is_some() || line.response.as_deref().is_some() || line.done.is_boolean()
}

/// Returns the error of a line. The members of other errors are looked for in lines that are no answer.
fn failure(line: &Line<'_>, json: &str) -> Option<ProviderError> {
    let answered = is_answer(line);
    let suspect = line.error.is_some() || !answered;
    suspect.then(|| said(json, answered)).flatten()
}

fn end(line: Line<'_>, each: &mut dyn FnMut(Delta<'_>)) {
    let members = [
        ("total_duration", line.total_duration),
        ("load_duration", line.load_duration),
        ("prompt_eval_count", line.prompt_eval_count),
        ("prompt_eval_duration", line.prompt_eval_duration),
        ("eval_count", line.eval_count),
        ("eval_duration", line.eval_duration),
    ];
    let is_count = |value: &Value| value.is_number() || Count::of(value).is_some();
    let sent = members.into_iter().filter(|(_, value)| is_count(value));
    let raw: Map<String, Value> = sent.map(|(name, value)| (name.to_owned(), value)).collect();
    // Older versions omit the count of a cached prompt.
    if raw.keys().any(|name| name.ends_with("count")) {
        usage::emit(raw, None, each);
    }
    if let Some(reason) = line.done_reason.reason() {
        // The answer to a request without a prompt: "Load a model" and "Unload a model" in Ollama's `docs/api.md`.
        if matches!(&*reason, "load" | "unload") {
            each(Delta::NotInferred);
        }
        each(Delta::Finish { choice: 0, reason });
    }
    each(Delta::Done);
}
