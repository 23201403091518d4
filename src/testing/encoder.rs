//! Writes the chunks of a script in the wire format of an API.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    chat::ChatChunk,
    event::{Accumulator, Block, Delta, LlmResult, ProviderError, Usage},
    wire::{
        Format, anthropic::AnthropicMessages, gemini::Gemini, ollama::OllamaChat,
        openai_chat::OpenAiChat, openai_responses::OpenAiResponses,
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Api {
    Messages,
    Chat,
    Responses,
    Gemini,
    Ollama,
}

/// The state of one answer.
#[derive(Debug)]
pub(super) struct Encoder {
    api: Api,
    model: Value,
    stream: bool,
    /// What was written so far. A script may end without an end mark, and then so does the answer.
    answer: Accumulator,
    begun: bool,
    ended: bool,
    /// The block or item that is open, by its kind, and its number.
    open: Option<(&'static str, usize)>,
    blocks: usize,
}

impl Encoder {
    /// Returns the encoder for a request; `None` if no API has its path.
    pub(super) fn of(path: &str, request: &Value) -> Option<Self> {
        let mut stream = request["stream"] == true;
        let mut model = request["model"].clone();
        let api = match path {
            path if path.ends_with("/messages") => Api::Messages,
            path if path.ends_with("/chat/completions") => Api::Chat,
            path if path.ends_with("/responses") => Api::Responses,
            path if path.ends_with("/api/chat") => {
                stream = request["stream"] != false;
                Api::Ollama
            }
            path => {
                let (resource, method) = path.rsplit_once(':')?;
                stream = method == "streamGenerateContent";
                model = resource.rsplit_once('/')?.1.into();
                if !stream && method != "generateContent" {
                    return None;
                }
                Api::Gemini
            }
        };
        let answer = Accumulator::new();
        Some(Self { api, model, stream, answer, begun: false, ended: false, open: None, blocks: 0 })
    }

    pub(super) fn content_type(&self) -> &'static str {
        match (self.stream, self.api) {
            (false, _) => "application/json",
            (true, Api::Ollama) => "application/x-ndjson",
            (true, _) => "text/event-stream",
        }
    }

    /// Returns the body of an error response.
    pub(super) fn error(&self, error: &ProviderError) -> Bytes {
        let status = error.status.and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let format: &dyn Format = match self.api {
            Api::Messages => &AnthropicMessages,
            Api::Chat => &OpenAiChat,
            Api::Responses => &OpenAiResponses,
            Api::Gemini => &Gemini,
            Api::Ollama => &OllamaChat,
        };
        let body = format.error_body(status, &error.message);
        let Some(code) = error.code.as_deref() else { return body.into() };
        let mut json: Value = serde_json::from_slice(&body).unwrap_or_default();
        let name = match self.api {
            Api::Messages => "type",
            Api::Gemini => "status",
            Api::Chat | Api::Responses => "code",
            Api::Ollama => return body.into(),
        };
        json["error"][name] = code.into();
        json.to_string().into()
    }

    /// Returns an error in the middle of the answer.
    pub(super) fn in_band(&mut self, error: &ProviderError) -> Bytes {
        self.ended = true;
        let body = self.error(error);
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        match (self.stream, self.api) {
            (false, _) => body,
            (true, Api::Responses) => {
                let error =
                    json!({"code": json["error"]["code"], "message": json["error"]["message"]});
                let response = json!({"status": "failed", "error": error});
                self.event(&json!({"type": "response.failed", "response": response})).into()
            }
            (true, Api::Messages) => format!("event: error\ndata: {json}\n\n").into(),
            (true, _) => self.event(&json).into(),
        }
    }

    /// Writes a chunk.
    pub(super) fn chunk(&mut self, chunk: &ChatChunk) -> Bytes {
        self.answer.delta(chunk);
        let done = matches!(chunk, Delta::Done);
        let mut written = String::new();
        if self.stream && !self.ended {
            if !std::mem::replace(&mut self.begun, true) {
                written += &self.begin();
            }
            written += &self.piece(chunk);
        }
        if done && !std::mem::replace(&mut self.ended, true) {
            written += &self.finish();
        }
        written.into()
    }

    /// Ends the script. An answer without its end mark is cut.
    pub(super) fn end(&mut self) -> Bytes {
        match self.stream || self.ended {
            true => Bytes::new(),
            false => "{".into(),
        }
    }

    /// Writes one event.
    fn event(&self, json: &Value) -> String {
        match (self.api, json["type"].as_str()) {
            (Api::Ollama, _) => format!("{json}\n"),
            (Api::Messages | Api::Responses, Some(name)) => {
                format!("event: {name}\ndata: {json}\n\n")
            }
            _ => format!("data: {json}\n\n"),
        }
    }

    fn begin(&mut self) -> String {
        let begun = json!({"id": "resp_1", "object": "response", "status": "in_progress",
            "model": self.model, "output": []});
        match self.api {
            Api::Messages => {
                let message = json!({"id": "msg_1", "type": "message", "role": "assistant",
                    "model": self.model, "content": [], "stop_reason": null,
                    "usage": {"input_tokens": 0, "output_tokens": 0}});
                self.event(&json!({"type": "message_start", "message": message}))
            }
            Api::Responses => self.event(&json!({"type": "response.created", "response": begun})),
            Api::Chat | Api::Gemini | Api::Ollama => String::new(),
        }
    }

    /// Writes a piece of content. What the format says at the end is written there.
    fn piece(&mut self, chunk: &ChatChunk) -> String {
        let event = match self.api {
            Api::Messages => return self.block(chunk),
            Api::Responses => return self.item(chunk),
            Api::Chat => {
                let (choice, delta) = match chunk {
                    Delta::Text { choice, text } => (choice, json!({"content": text})),
                    Delta::Reasoning { choice, text } => {
                        (choice, json!({"reasoning_content": text}))
                    }
                    Delta::Refusal { choice, text } => (choice, json!({"refusal": text})),
                    Delta::ToolCall { choice, index, id, name, arguments } => {
                        let mut call =
                            json!({"index": index, "function": {"arguments": arguments}});
                        if let (Some(id), Some(name)) = (id, name) {
                            call["id"] = (**id).into();
                            call["type"] = "function".into();
                            call["function"]["name"] = (**name).into();
                        }
                        (choice, json!({"tool_calls": [call]}))
                    }
                    _ => return String::new(),
                };
                self.choices(&json!([{"index": choice, "delta": delta, "finish_reason": null}]))
            }
            Api::Gemini => {
                let (choice, part) = match chunk {
                    Delta::Text { choice, text } => (choice, json!({"text": text})),
                    Delta::Reasoning { choice, text } => {
                        (choice, json!({"text": text, "thought": true}))
                    }
                    _ => return String::new(),
                };
                let content = json!({"role": "model", "parts": [part]});
                json!({"candidates": [{"index": choice, "content": content}], "modelVersion": self.model})
            }
            Api::Ollama => {
                let message = match chunk {
                    Delta::Text { text, .. } => json!({"role": "assistant", "content": text}),
                    Delta::Reasoning { text, .. } => {
                        json!({"role": "assistant", "content": "", "thinking": text})
                    }
                    _ => return String::new(),
                };
                json!({"model": self.model, "message": message, "done": false})
            }
        };
        self.event(&event)
    }

    fn choices(&self, choices: &Value) -> Value {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": self.model, "choices": choices})
    }

    /// Writes a piece of one of Anthropic's blocks, and the beginning and end of blocks.
    fn block(&mut self, chunk: &ChatChunk) -> String {
        let (kind, start, delta) = match chunk {
            Delta::Text { text, .. } => {
                ("text", json!({"text": ""}), json!({"type": "text_delta", "text": text}))
            }
            Delta::Reasoning { text, .. } => {
                let start = json!({"thinking": "", "signature": ""});
                ("thinking", start, json!({"type": "thinking_delta", "thinking": text}))
            }
            Delta::Signature { signature, .. } => {
                let start = json!({"thinking": "", "signature": ""});
                ("thinking", start, json!({"type": "signature_delta", "signature": signature}))
            }
            Delta::ToolCall { id, name, arguments, .. } => {
                let start = json!({"id": id, "name": name, "input": {}});
                ("tool_use", start, json!({"type": "input_json_delta", "partial_json": arguments}))
            }
            Delta::Native { value, .. } => {
                let mut written = self.close();
                let (start, stop) = (self.blocks, self.blocks);
                self.blocks += 1;
                written += &self.event(
                    &json!({"type": "content_block_start", "index": start, "content_block": value}),
                );
                return written
                    + &self.event(&json!({"type": "content_block_stop", "index": stop}));
            }
            _ => return String::new(),
        };
        let new_call = matches!(chunk, Delta::ToolCall { id: Some(_), .. });
        let mut written = String::new();
        if new_call || self.open.is_none_or(|(open, _)| open != kind) {
            written += &self.close();
            let mut block = start;
            block["type"] = kind.into();
            let index = self.blocks;
            self.blocks += 1;
            self.open = Some((kind, index));
            written += &self.event(
                &json!({"type": "content_block_start", "index": index, "content_block": block}),
            );
        }
        let index = self.open.map_or(0, |(_, index)| index);
        written +=
            &self.event(&json!({"type": "content_block_delta", "index": index, "delta": delta}));
        if matches!(chunk, Delta::Signature { .. }) {
            written += &self.close();
        }
        written
    }

    fn close(&mut self) -> String {
        match self.open.take() {
            Some((_, index)) => self.event(&json!({"type": "content_block_stop", "index": index})),
            None => String::new(),
        }
    }

    /// Writes a piece of an item of the Responses API. Items are announced at their first piece, and repeated at the end.
    fn item(&mut self, chunk: &ChatChunk) -> String {
        let (kind, index) = match chunk {
            Delta::Text { .. } => ("message", 0),
            Delta::Refusal { .. } => ("message", 0),
            Delta::Reasoning { .. } => ("reasoning", 0),
            Delta::ToolCall { index, .. } => ("function_call", *index),
            _ => return String::new(),
        };
        let at = match kind {
            "reasoning" => 0,
            "message" => 1,
            _ => 2 + index,
        };
        let id = format!("item_{at}");
        let mut written = String::new();
        let opens = matches!(chunk, Delta::ToolCall { id: Some(_), .. })
            || (kind != "function_call" && self.open.is_none_or(|(open, _)| open != kind));
        if opens {
            self.open = Some((kind, 0));
            let mut item = json!({"id": id, "type": kind});
            if let Delta::ToolCall { id: call, name, .. } = chunk {
                (item["call_id"], item["name"], item["arguments"]) =
                    (json!(call), json!(name), "".into());
            }
            written += &self.event(
                &json!({"type": "response.output_item.added", "output_index": at, "item": item}),
            );
        }
        let kind = match chunk {
            Delta::Text { .. } => "response.output_text.delta",
            Delta::Refusal { .. } => "response.refusal.delta",
            Delta::Reasoning { .. } => "response.reasoning_summary_text.delta",
            _ => "response.function_call_arguments.delta",
        };
        let delta = chunk.content().unwrap_or_default();
        written
            + &self.event(&json!({"type": kind, "item_id": id, "output_index": at, "delta": delta}))
    }

    /// Writes the end of a streamed answer, or a whole one.
    fn finish(&mut self) -> String {
        let result = self.answer.clone().finish();
        let usage = result.usage.clone();
        match (self.api, self.stream) {
            (Api::Messages, true) => {
                let mut written = self.close();
                let reason = reason(&result, "end_turn");
                let delta = json!({"stop_reason": reason, "stop_sequence": null});
                let usage = usage.map(|usage| anthropic_usage(&usage)).unwrap_or(json!({}));
                written += &self.event(&json!({"type": "message_delta", "delta": delta, "usage": usage}));
                written + &self.event(&json!({"type": "message_stop"}))
            }
            (Api::Messages, false) => json!({"id": "msg_1", "type": "message", "role": "assistant",
                "model": self.model, "content": blocks(&result), "stop_reason": reason(&result, "end_turn"),
                "usage": usage.map(|usage| anthropic_usage(&usage))})
            .to_string(),
            (Api::Chat, true) => {
                let ends = result.choices.iter().map(|choice| {
                    json!({"index": choice.index, "delta": {}, "finish_reason": choice.finish_reason})
                });
                let mut written = self.event(&self.choices(&ends.collect()));
                if let Some(usage) = usage {
                    let mut last = self.choices(&json!([]));
                    last["usage"] = chat_usage(&usage);
                    written += &self.event(&last);
                }
                written + "data: [DONE]\n\n"
            }
            (Api::Chat, false) => {
                let choices: Vec<_> = result.choices.iter().map(|choice| {
                    let calls = choice.tool_calls.iter().map(|call| json!({"id": call.id, "type": "function",
                        "function": {"name": call.name, "arguments": call.arguments}}));
                    let mut message = json!({"role": "assistant", "content": choice.text});
                    if !choice.tool_calls.is_empty() {
                        message["tool_calls"] = calls.collect();
                    }
                    if !choice.reasoning.is_empty() {
                        message["reasoning_content"] = choice.reasoning.as_str().into();
                    }
                    if !choice.refusal.is_empty() {
                        message["refusal"] = choice.refusal.as_str().into();
                    }
                    json!({"index": choice.index, "message": message, "finish_reason": choice.finish_reason})
                }).collect();
                let mut whole = self.choices(&choices.into());
                whole["object"] = "chat.completion".into();
                whole["usage"] = usage.map(|usage| chat_usage(&usage)).into();
                whole.to_string()
            }
            (Api::Responses, stream) => {
                let response = json!({"id": "resp_1", "object": "response", "status": "completed",
                    "model": self.model, "output": items(&result), "usage": usage.map(|usage| responses_usage(&usage))});
                match stream {
                    true => self.event(&json!({"type": "response.completed", "response": response})),
                    false => response.to_string(),
                }
            }
            (Api::Gemini, stream) => {
                let candidates: Vec<_> = result.choices.iter().map(|choice| {
                    let mut parts = Vec::new();
                    if !stream {
                        let texts = [(&choice.reasoning, true), (&choice.text, false)];
                        let texts = texts.into_iter().filter(|(text, _)| !text.is_empty());
                        parts.extend(texts.map(|(text, thought)| json!({"text": text, "thought": thought})));
                    }
                    parts.extend(choice.tool_calls.iter().map(|call| {
                        let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or(json!({}));
                        json!({"functionCall": {"id": call.id, "name": call.name, "args": arguments}})
                    }));
                    json!({"index": choice.index, "content": {"role": "model", "parts": parts},
                        "finishReason": choice.finish_reason.as_deref().unwrap_or("STOP")})
                }).collect();
                let mut last = json!({"candidates": candidates, "modelVersion": self.model, "responseId": "resp_1"});
                if let Some(usage) = usage {
                    last["usageMetadata"] = json!({"promptTokenCount": usage.input_tokens,
                        "candidatesTokenCount": usage.output_tokens, "totalTokenCount": usage.total_tokens});
                }
                if stream { self.event(&last) } else { last.to_string() }
            }
            (Api::Ollama, stream) => {
                let choice = result.choices.first().cloned().unwrap_or_default();
                let calls: Vec<_> = choice.tool_calls.iter().map(|call| {
                    let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or(json!({}));
                    json!({"id": call.id, "function": {"name": call.name, "arguments": arguments}})
                }).collect();
                let mut message = json!({"role": "assistant", "content": if stream { "" } else { &*choice.text }});
                if !stream && !choice.reasoning.is_empty() {
                    message["thinking"] = choice.reasoning.as_str().into();
                }
                if !calls.is_empty() {
                    message["tool_calls"] = calls.into();
                }
                let mut last = json!({"model": self.model, "message": message, "done": true,
                    "done_reason": choice.finish_reason});
                if let Some(usage) = usage {
                    last["prompt_eval_count"] = usage.input_tokens.into();
                    last["eval_count"] = usage.output_tokens.into();
                }
                self.event(&last)
            }
        }
    }
}

fn reason(result: &LlmResult, otherwise: &str) -> String {
    let reason = result.choices.first().and_then(|choice| choice.finish_reason.as_deref());
    reason.unwrap_or(otherwise).to_owned()
}

fn blocks(result: &LlmResult) -> Vec<Value> {
    let blocks = result.choices.first().into_iter().flat_map(|choice| choice.blocks());
    blocks.filter_map(|block| Some(match block {
        Block::Text(text) => json!({"type": "text", "text": text}),
        Block::Reasoning { text, signature } => {
            json!({"type": "thinking", "thinking": text, "signature": signature.unwrap_or_default()})
        }
        Block::ToolCall(call) => {
            let input: Value = serde_json::from_str(&call.arguments).unwrap_or(json!({}));
            json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
        }
        Block::Native { value, .. } => value.clone(),
        Block::Refusal(_) => return None,
    })).collect()
}

fn items(result: &LlmResult) -> Vec<Value> {
    let Some(choice) = result.choices.first() else { return Vec::new() };
    let mut items = Vec::new();
    if !choice.reasoning.is_empty() {
        let summary = json!([{"type": "summary_text", "text": choice.reasoning}]);
        items.push(json!({"id": "item_0", "type": "reasoning", "summary": summary}));
    }
    let parts = [("output_text", "text", &choice.text), ("refusal", "refusal", &choice.refusal)];
    let parts = parts.into_iter().filter(|(_, _, text)| !text.is_empty());
    let parts: Vec<_> = parts.map(|(kind, name, text)| json!({"type": kind, name: text})).collect();
    if !parts.is_empty() {
        items.push(
            json!({"id": "item_1", "type": "message", "role": "assistant", "content": parts}),
        );
    }
    items.extend((2..).zip(&choice.tool_calls).map(|(at, call)| {
        json!({"id": format!("item_{at}"), "type": "function_call", "call_id": call.id, "name": call.name,
            "arguments": call.arguments})
    }));
    items
}

fn anthropic_usage(usage: &Usage) -> Value {
    json!({"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens})
}

fn chat_usage(usage: &Usage) -> Value {
    json!({"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens})
}

fn responses_usage(usage: &Usage) -> Value {
    json!({"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens})
}
