use serde_json::{Value, json};

use super::api::{Api, counts};
use crate::{
    chat::ChatChunk,
    event::{Delta, LlmResult},
    wire::{Format, openai_responses::OpenAiResponses},
};

/// OpenAI's Responses.
#[derive(Debug)]
pub(super) struct Responses {
    model: Value,
    /// The type of the item that is open.
    open: Option<&'static str>,
}

impl Responses {
    pub(super) fn new(model: Value) -> Self {
        Self { model, open: None }
    }

    fn response(&self, status: &str, output: &[Value]) -> Value {
        json!({"id": "resp_1", "object": "response", "status": status, "model": self.model, "output": output})
    }
}

impl Api for Responses {
    fn format(&self) -> &'static dyn Format {
        &OpenAiResponses
    }

    fn code(&self) -> Option<&'static str> {
        Some("code")
    }

    fn begin(&self) -> Option<Value> {
        let response = self.response("in_progress", &[]);
        Some(json!({"type": "response.created", "response": response}))
    }

    /// Items are announced at their first piece, and repeated at the end.
    fn piece(&mut self, chunk: &ChatChunk) -> Vec<Value> {
        let (item, at, event) = match chunk {
            Delta::Reasoning { .. } => ("reasoning", 0, "response.reasoning_summary_text.delta"),
            Delta::Text { .. } => ("message", 1, "response.output_text.delta"),
            Delta::Refusal { .. } => ("message", 1, "response.refusal.delta"),
            Delta::ToolCall { index, .. } => {
                ("function_call", 2 + index, "response.function_call_arguments.delta")
            }
            _ => return Vec::new(),
        };
        let (id, mut events) = (format!("item_{at}"), Vec::new());
        let added = match chunk {
            Delta::ToolCall { id: Some(call), name, .. } => Some(
                json!({"id": id, "type": item, "call_id": call, "name": name, "arguments": ""}),
            ),
            Delta::ToolCall { .. } => None,
            _ => (self.open != Some(item)).then(|| json!({"id": id, "type": item})),
        };
        if let Some(added) = added {
            self.open = Some(item);
            events.push(
                json!({"type": "response.output_item.added", "output_index": at, "item": added}),
            );
        }
        let delta = chunk.content().unwrap_or_default();
        events.push(json!({"type": event, "item_id": id, "output_index": at, "delta": delta}));
        events
    }

    fn end(&mut self, result: &LlmResult) -> Vec<Value> {
        vec![json!({"type": "response.completed", "response": self.whole(result)})]
    }

    fn whole(&self, result: &LlmResult) -> Value {
        let output = result.choices.first().map(|choice| {
            let mut items = Vec::new();
            if !choice.reasoning.is_empty() {
                let summary = json!([{"type": "summary_text", "text": choice.reasoning}]);
                items.push(json!({"id": "item_0", "type": "reasoning", "summary": summary}));
            }
            let parts = [("output_text", "text", &choice.text), ("refusal", "refusal", &choice.refusal)];
            let parts = parts.into_iter().filter(|(_, _, text)| !text.is_empty());
            let parts: Vec<_> = parts.map(|(kind, name, text)| json!({"type": kind, name: text})).collect();
            if !parts.is_empty() {
                items.push(json!({"id": "item_1", "type": "message", "role": "assistant", "content": parts}));
            }
            items.extend((2..).zip(&choice.tool_calls).map(|(at, call)| {
                json!({"id": format!("item_{at}"), "type": "function_call", "call_id": call.id,
                    "name": call.name, "arguments": call.arguments})
            }));
            items
        });
        let mut response = self.response("completed", &output.unwrap_or_default());
        response["usage"] =
            counts(result, &["input_tokens", "output_tokens", "total_tokens"]).into();
        response
    }

    fn in_band(&self, error: Value) -> Value {
        let error = json!({"code": error["error"]["code"], "message": error["error"]["message"]});
        json!({"type": "response.failed", "response": {"status": "failed", "error": error}})
    }
}
