use serde_json::{Value, json};

use super::api::{Api, arguments, counts};
use crate::{
    chat::ChatChunk,
    event::{Block, Delta, LlmResult},
    wire::{Format, anthropic::AnthropicMessages},
};

const COUNTS: [&str; 2] = ["input_tokens", "output_tokens"];

/// Anthropic's Messages.
#[derive(Debug)]
pub(super) struct Messages {
    model: Value,
    /// The type of the block that is open.
    open: Option<&'static str>,
    /// How many blocks have begun.
    blocks: usize,
}

impl Messages {
    pub(super) fn new(model: Value) -> Self {
        Self { model, open: None, blocks: 0 }
    }

    fn message(&self, content: &[Value], stop_reason: Option<&str>, usage: &Value) -> Value {
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": self.model,
            "content": content, "stop_reason": stop_reason, "usage": usage})
    }

    fn start(&mut self, block: &Value) -> Value {
        self.blocks += 1;
        json!({"type": "content_block_start", "index": self.blocks - 1, "content_block": block})
    }

    /// Returns the end of the open block.
    fn stop(&mut self) -> Option<Value> {
        self.open.take()?;
        Some(json!({"type": "content_block_stop", "index": self.blocks - 1}))
    }
}

impl Api for Messages {
    fn format(&self) -> &'static dyn Format {
        &AnthropicMessages
    }

    fn code(&self) -> Option<&'static str> {
        Some("type")
    }

    fn begin(&self) -> Option<Value> {
        let usage = json!({"input_tokens": 0, "output_tokens": 0});
        let message = self.message(&[], None, &usage);
        Some(json!({"type": "message_start", "message": message}))
    }

    fn piece(&mut self, chunk: &ChatChunk) -> Vec<Value> {
        let thinking = || json!({"type": "thinking", "thinking": "", "signature": ""});
        let (kind, block, delta) = match chunk {
            Delta::Text { text, .. } => {
                let block = json!({"type": "text", "text": ""});
                ("text", block, json!({"type": "text_delta", "text": text}))
            }
            Delta::Reasoning { text, .. } => {
                ("thinking", thinking(), json!({"type": "thinking_delta", "thinking": text}))
            }
            Delta::Signature { signature, .. } => {
                let delta = json!({"type": "signature_delta", "signature": signature});
                ("thinking", thinking(), delta)
            }
            Delta::ToolCall { id, name, arguments, .. } => {
                let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                ("tool_use", block, json!({"type": "input_json_delta", "partial_json": arguments}))
            }
            Delta::Native { value, .. } => {
                let mut events = Vec::from_iter(self.stop());
                events.push(self.start(value));
                self.open = Some("native");
                events.extend(self.stop());
                return events;
            }
            _ => return Vec::new(),
        };
        let mut events = Vec::new();
        if self.open != Some(kind) || matches!(chunk, Delta::ToolCall { id: Some(_), .. }) {
            events.extend(self.stop());
            events.push(self.start(&block));
            self.open = Some(kind);
        }
        let index = self.blocks - 1;
        events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        if matches!(chunk, Delta::Signature { .. }) {
            events.extend(self.stop());
        }
        events
    }

    fn end(&mut self, result: &LlmResult) -> Vec<Value> {
        let delta = json!({"stop_reason": reason(result), "stop_sequence": null});
        let usage = counts(result, &COUNTS).unwrap_or_default();
        let mut events = Vec::from_iter(self.stop());
        events.push(json!({"type": "message_delta", "delta": delta, "usage": usage}));
        events.push(json!({"type": "message_stop"}));
        events
    }

    fn whole(&self, result: &LlmResult) -> Value {
        let blocks = result.choices.first().into_iter().flat_map(|choice| choice.blocks());
        let content = blocks.filter_map(|block| {
            Some(match block {
                Block::Text(text) => json!({"type": "text", "text": text}),
                Block::Reasoning { text, signature } => {
                    let signature = signature.unwrap_or_default();
                    json!({"type": "thinking", "thinking": text, "signature": signature})
                }
                Block::ToolCall(call) => {
                    let input = arguments(call);
                    json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
                }
                Block::Native { value, .. } => value.clone(),
                Block::Refusal(_) => return None,
            })
        });
        let usage = Value::from(counts(result, &COUNTS));
        self.message(&content.collect::<Vec<_>>(), Some(reason(result)), &usage)
    }
}

fn reason(result: &LlmResult) -> &str {
    let choice = result.choices.first();
    choice.and_then(|choice| choice.finish_reason.as_deref()).unwrap_or("end_turn")
}
