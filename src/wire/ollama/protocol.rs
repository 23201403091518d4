use std::borrow::Cow;

use serde_json::{Map, Value};

use super::event::{Line, ToolCall};
use crate::{
    event::{Delta, Usage},
    wire::{
        error::in_band,
        json::{self, ReadError, Text, compact},
        protocol::{ObjectBody, Protocol},
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
        if line.error.is_some() {
            each(Delta::Error(in_band(data)));
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
        if answer.error.is_some() {
            each(Delta::Error(in_band(json)));
            return Ok(());
        }
        let is_answer = answer.message.0.is_some() || answer.response.as_deref().is_some();
        if !is_answer && !answer.done.is_boolean() {
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
        let arguments = function.arguments.map_or(Cow::Borrowed(""), |raw| arguments(raw.get()));
        let (id, name) = (call.id.filled(), function.name.filled());
        each(Delta::ToolCall { choice: 0, index, id, name, arguments });
    }
}

fn end(line: Line<'_>, each: &mut dyn FnMut(Delta<'_>)) {
    let (input, output) = (line.prompt_eval_count.as_u64(), line.eval_count.as_u64());
    if input.is_some() || output.is_some() {
        let members = [
            ("total_duration", line.total_duration),
            ("load_duration", line.load_duration),
            ("prompt_eval_count", line.prompt_eval_count),
            ("prompt_eval_duration", line.prompt_eval_duration),
            ("eval_count", line.eval_count),
            ("eval_duration", line.eval_duration),
        ];
        let sent = members.into_iter().filter(|(_, value)| value.is_number());
        let raw: Map<String, Value> = sent.map(|(name, value)| (name.to_owned(), value)).collect();
        // Older versions omit the count of a cached prompt.
        let usage = Usage::new(input.unwrap_or(0), output.unwrap_or(0));
        each(Delta::Usage { usage, raw: Some(Cow::Owned(raw.into())) });
    }
    if let Some(reason) = line.done_reason.filled() {
        each(Delta::Finish { choice: 0, reason });
    }
    each(Delta::Done);
}

/// Returns arguments as a JSON text without white space. Some proxies send a string, like OpenAI.
fn arguments(raw: &str) -> Cow<'_, str> {
    match raw.as_bytes().first() {
        Some(b'{') => compact(raw),
        Some(b'"') => serde_json::from_str::<Text<'_>>(raw)
            .ok()
            .and_then(Text::into_inner)
            .unwrap_or_default(),
        _ => Cow::Borrowed(""),
    }
}
