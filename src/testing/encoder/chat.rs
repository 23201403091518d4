use serde_json::{Value, json};

use super::api::{Api, counts};
use crate::{
    chat::ChatChunk,
    event::{Delta, LlmResult},
    wire::{Format, openai_chat::OpenAiChat},
};

const COUNTS: [&str; 3] = ["prompt_tokens", "completion_tokens", "total_tokens"];

/// OpenAI's Chat Completions.
#[derive(Debug)]
pub(super) struct Chat {
    model: Value,
}

impl Chat {
    pub(super) fn new(model: Value) -> Self {
        Self { model }
    }

    fn completion(&self, object: &str, choices: &[Value]) -> Value {
        json!({"id": "chatcmpl-1", "object": object, "model": self.model, "choices": choices})
    }

    fn event(&self, choices: &[Value]) -> Value {
        self.completion("chat.completion.chunk", choices)
    }
}

impl Api for Chat {
    fn format(&self) -> &'static dyn Format {
        &OpenAiChat
    }

    fn code(&self) -> Option<&'static str> {
        Some("code")
    }

    fn piece(&mut self, chunk: &ChatChunk) -> Vec<Value> {
        let (choice, delta) = match chunk {
            Delta::Text { choice, text } => (choice, json!({"content": text})),
            Delta::Reasoning { choice, text } => (choice, json!({"reasoning_content": text})),
            Delta::Refusal { choice, text } => (choice, json!({"refusal": text})),
            Delta::ToolCall { choice, index, id, name, arguments } => {
                let mut call = json!({"index": index, "function": {"arguments": arguments}});
                if let (Some(id), Some(name)) = (id, name) {
                    call["id"] = (**id).into();
                    call["type"] = "function".into();
                    call["function"]["name"] = (**name).into();
                }
                (choice, json!({"tool_calls": [call]}))
            }
            _ => return Vec::new(),
        };
        let choice = json!({"index": choice, "delta": delta, "finish_reason": null});
        vec![self.event(&[choice])]
    }

    fn end(&mut self, result: &LlmResult) -> Vec<Value> {
        let ends = result.choices.iter().map(|choice| {
            json!({"index": choice.index, "delta": {}, "finish_reason": choice.finish_reason})
        });
        let mut events = vec![self.event(&ends.collect::<Vec<_>>())];
        if let Some(usage) = counts(result, &COUNTS) {
            let mut last = self.event(&[]);
            last["usage"] = usage.into();
            events.push(last);
        }
        events
    }

    fn whole(&self, result: &LlmResult) -> Value {
        let choices = result.choices.iter().map(|choice| {
            let calls = choice.tool_calls.iter().map(|call| {
                let function = json!({"name": call.name, "arguments": call.arguments});
                json!({"id": call.id, "type": "function", "function": function})
            });
            let mut message = json!({"role": "assistant", "content": choice.text});
            if !choice.tool_calls.is_empty() {
                message["tool_calls"] = calls.collect();
            }
            for (name, text) in [("reasoning_content", &choice.reasoning), ("refusal", &choice.refusal)] {
                if !text.is_empty() {
                    message[name] = text.as_str().into();
                }
            }
            json!({"index": choice.index, "message": message, "finish_reason": choice.finish_reason})
        });
        let mut whole = self.completion("chat.completion", &choices.collect::<Vec<_>>());
        whole["usage"] = counts(result, &COUNTS).into();
        whole
    }

    fn done(&self) -> &'static str {
        "data: [DONE]\n\n"
    }
}
