//! Prompts and answers in the conventions' JSON form (the schemas of version 1.41.1).

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{finish::finish_reason, part};
use crate::{
    event::{LlmResult, LlmStart},
    redact,
};

/// The prompt of a model call.
pub(super) struct InputMessages {
    /// The system instructions, if the format keeps them apart from the messages.
    pub(super) system: Option<Value>,
    pub(super) messages: Value,
}

impl InputMessages {
    /// Returns `None` if the prompt is not captured.
    pub(super) fn of(start: &LlmStart) -> Option<Self> {
        let messages = inputs(start)?;
        // Chat Completions and Ollama's chat keep instructions among the messages.
        let in_history = matches!(&*start.api, "chat_completions" | "completions" | "chat");
        let (mut system, mut rest) = (None, &*messages);
        if let ([first, others @ ..], false) = (rest, in_history)
            && first["role"] == "system"
        {
            (system, rest) = (Some(parts(first).into()), others);
        }
        Some(Self { system, messages: rest.iter().map(message).collect() })
    }
}

/// Returns the messages or other inputs of a call in the provider's form, or `None` if they are not captured.
pub(super) fn inputs(start: &LlmStart) -> Option<Cow<'_, [Value]>> {
    let inputs = Cow::Borrowed(start.messages.get()?.as_array()?.as_slice());
    // Prompts over HTTP are redacted already. Typed requests still contain their files.
    Some(if start.http.is_some() { inputs } else { redacted(inputs.into_owned()) })
}

fn redacted(messages: Vec<Value>) -> Cow<'static, [Value]> {
    let mut messages = Value::Array(messages);
    redact::prompt(&mut messages);
    match messages {
        Value::Array(messages) => Cow::Owned(messages),
        _ => Cow::Owned(Vec::new()),
    }
}

fn message(value: &Value) -> Value {
    let parts = parts(value);
    let responses = |part: &Value| part["type"] == "tool_call_response";
    let role = if !parts.is_empty() && parts.iter().all(responses) {
        // Anthropic and Gemini put tool results into user messages.
        "tool"
    } else {
        role(value)
    };
    let mut message = json!({"role": role, "parts": parts});
    if let Some(Value::String(name)) = value.get("name").filter(|_| value.get("role").is_some()) {
        message["name"] = name.as_str().into();
    }
    message
}

fn role(message: &Value) -> &str {
    match message["role"].as_str() {
        Some("system" | "developer") => "system",
        Some("assistant" | "model") => "assistant",
        Some("tool" | "function") => "tool",
        Some(other) => other,
        // The Responses API has items other than messages.
        None => match message["type"].as_str() {
            Some(kind) if kind == "reasoning" || kind.ends_with("_call") => "assistant",
            _ => "user",
        },
    }
}

fn parts(message: &Value) -> Vec<Value> {
    let Value::Object(members) = message else { return part::parts(message) };
    let get = |name: &str| members.get(name).unwrap_or(&Value::Null);
    if !members.contains_key("role") {
        return part::parts(message);
    }
    if let Some(id) = members.get("tool_call_id") {
        return vec![part::tool_response(id, get("content"))];
    }
    let reasoning = ["reasoning_content", "reasoning", "thinking"];
    let reasoning = reasoning.into_iter().find_map(|name| members.get(name)?.as_str());
    let mut parts: Vec<Value> = reasoning.map(part::reasoning).into_iter().collect();
    parts.extend(part::parts(members.get("content").unwrap_or_else(|| get("parts"))));
    parts.extend(get("refusal").as_str().map(part::text));
    let images = get("images").as_array().into_iter().flatten();
    parts.extend(images.map(|data| part::blob("image", data)));
    parts.extend(get("tool_calls").as_array().into_iter().flatten().map(tool_call));
    parts
}

/// Converts a tool call in a message of OpenAI or Ollama.
fn tool_call(call: &Value) -> Value {
    part::tool_call(&call["id"], &call["function"]["name"], &call["function"]["arguments"])
}

/// Returns the answer's messages, one for each choice; they are partial if the run did not complete.
pub(super) fn output(result: &LlmResult, failed: bool) -> Value {
    let choices = result.choices.iter().map(|choice| {
        let part = |text: &String, of: fn(&str) -> Value| (!text.is_empty()).then(|| of(text));
        let calls = choice.tool_calls.iter().map(|call| {
            let id = if call.id.is_empty() { Value::Null } else { call.id.as_str().into() };
            part::tool_call(&id, &call.name.as_str().into(), &call.arguments.as_str().into())
        });
        let parts = part(&choice.reasoning, part::reasoning)
            .into_iter()
            .chain(part(&choice.text, part::text))
            .chain(part(&choice.refusal, part::text))
            .chain(calls);
        let mut message = Map::new();
        message.insert("role".to_owned(), "assistant".into());
        message.insert("parts".to_owned(), parts.collect());
        message.insert("finish_reason".to_owned(), finish_reason(choice, failed).into());
        Value::Object(message)
    });
    choices.collect()
}
