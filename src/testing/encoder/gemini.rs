use serde_json::{Value, json};

use super::api::{Api, arguments, counts};
use crate::{
    chat::ChatChunk,
    event::{Choice, Delta, LlmResult},
    wire::{Format, gemini::Gemini},
};

/// Gemini's `generateContent`.
#[derive(Debug)]
pub(super) struct GenerateContent {
    model: Value,
}

impl GenerateContent {
    pub(super) fn new(model: Value) -> Self {
        Self { model }
    }

    /// Returns the end of an answer. `texts` are the parts of a choice before its calls.
    fn last(&self, result: &LlmResult, texts: fn(&Choice) -> Vec<Value>) -> Value {
        let candidates = result.choices.iter().map(|choice| {
            let mut parts = texts(choice);
            parts.extend(choice.tool_calls.iter().map(|call| {
                let args = arguments(call);
                json!({"functionCall": {"id": call.id, "name": call.name, "args": args}})
            }));
            let reason = choice.finish_reason.as_deref().unwrap_or("STOP");
            let content = json!({"role": "model", "parts": parts});
            json!({"index": choice.index, "content": content, "finishReason": reason})
        });
        let candidates: Vec<_> = candidates.collect();
        let mut last =
            json!({"candidates": candidates, "modelVersion": self.model, "responseId": "resp_1"});
        let names = ["promptTokenCount", "candidatesTokenCount", "totalTokenCount"];
        if let Some(usage) = counts(result, &names) {
            last["usageMetadata"] = usage.into();
        }
        last
    }
}

impl Api for GenerateContent {
    fn format(&self) -> &'static dyn Format {
        &Gemini
    }

    fn code(&self) -> Option<&'static str> {
        Some("status")
    }

    fn piece(&mut self, chunk: &ChatChunk) -> Vec<Value> {
        let (choice, part) = match chunk {
            Delta::Text { choice, text } => (choice, json!({"text": text})),
            Delta::Reasoning { choice, text } => (choice, json!({"text": text, "thought": true})),
            _ => return Vec::new(),
        };
        let content = json!({"role": "model", "parts": [part]});
        let candidate = json!({"index": choice, "content": content});
        vec![json!({"candidates": [candidate], "modelVersion": self.model})]
    }

    fn end(&mut self, result: &LlmResult) -> Vec<Value> {
        vec![self.last(result, |_| Vec::new())]
    }

    fn whole(&self, result: &LlmResult) -> Value {
        self.last(result, |choice| {
            let texts = [(&choice.reasoning, true), (&choice.text, false)];
            let texts = texts.into_iter().filter(|(text, _)| !text.is_empty());
            texts.map(|(text, thought)| json!({"text": text, "thought": thought})).collect()
        })
    }
}
