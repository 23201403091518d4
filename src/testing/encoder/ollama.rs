use serde_json::{Value, json};

use super::api::{Api, arguments, counts};
use crate::{
    chat::ChatChunk,
    event::{Delta, LlmResult},
    wire::{Format, ollama::OllamaChat},
};

/// Ollama's chat.
#[derive(Debug)]
pub(super) struct Ollama {
    model: Value,
}

impl Ollama {
    pub(super) fn new(model: Value) -> Self {
        Self { model }
    }

    /// Returns the end of an answer, with a text and reasoning that were not written yet.
    fn last(&self, result: &LlmResult, text: &str, reasoning: &str) -> Value {
        let choice = result.choices.first();
        let calls = choice.into_iter().flat_map(|choice| &choice.tool_calls).map(|call| {
            json!({"id": call.id, "function": {"name": call.name, "arguments": arguments(call)}})
        });
        let calls: Vec<_> = calls.collect();
        let mut message = json!({"role": "assistant", "content": text});
        if !reasoning.is_empty() {
            message["thinking"] = reasoning.into();
        }
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        let reason = choice.and_then(|choice| choice.finish_reason.as_deref());
        let mut last =
            json!({"model": self.model, "message": message, "done": true, "done_reason": reason});
        for (name, count) in
            counts(result, &["prompt_eval_count", "eval_count"]).unwrap_or_default()
        {
            last[name] = count;
        }
        last
    }
}

impl Api for Ollama {
    fn format(&self) -> &'static dyn Format {
        &OllamaChat
    }

    fn code(&self) -> Option<&'static str> {
        None
    }

    fn piece(&mut self, chunk: &ChatChunk) -> Vec<Value> {
        let message = match chunk {
            Delta::Text { text, .. } => json!({"role": "assistant", "content": text}),
            Delta::Reasoning { text, .. } => {
                json!({"role": "assistant", "content": "", "thinking": text})
            }
            _ => return Vec::new(),
        };
        vec![json!({"model": self.model, "message": message, "done": false})]
    }

    fn end(&mut self, result: &LlmResult) -> Vec<Value> {
        vec![self.last(result, "", "")]
    }

    fn whole(&self, result: &LlmResult) -> Value {
        let choice = result.choices.first();
        let texts = choice.map_or(("", ""), |choice| (&choice.text, &choice.reasoning));
        self.last(result, texts.0, texts.1)
    }

    fn has_lines(&self) -> bool {
        true
    }
}
