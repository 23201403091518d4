use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    ChatRequest, ContentPart, Message,
    identity::{self, Identity},
};
use crate::{
    event::{LlmStart, Prompt},
    extract::LlmRequest,
    redact,
};

/// The prompt is converted to JSON when it is first read, the system prompt first. The parameters are the fields
/// of [`ChatRequest`] that are set, and [`params`](ChatRequest::params) with secrets replaced by `[redacted]`.
impl LlmRequest for ChatRequest {
    fn llm_start(&self) -> LlmStart {
        let (provider, api) = match identity::current() {
            Some(Identity { provider, api }) => (provider, api),
            None => guess(&self.model),
        };
        let provider = self.provider.clone().unwrap_or_else(|| provider.into());
        let api = self.api.clone().unwrap_or_else(|| api.into());
        let (system, messages) = (self.system.clone(), Arc::clone(&self.messages));
        let mut start = LlmStart::new(provider, api)
            .model(Arc::clone(&self.model))
            .stream(self.stream)
            .messages(Prompt::lazy(move || prompt(system.as_deref(), &messages)));
        start.params = params(self);
        start
    }

    fn extensions(&self) -> Option<&http::Extensions> {
        Some(&self.extensions)
    }

    fn extensions_mut(&mut self) -> Option<&mut http::Extensions> {
        Some(&mut self.extensions)
    }
}

/// Returns provider and API by the prefix of the model's name.
fn guess(model: &str) -> (&'static str, &'static str) {
    const KNOWN: [(&str, (&str, &str)); 7] = [
        ("claude", ("anthropic", "messages")),
        ("gpt", ("openai", "chat_completions")),
        ("chatgpt", ("openai", "chat_completions")),
        ("o1", ("openai", "chat_completions")),
        ("o3", ("openai", "chat_completions")),
        ("o4", ("openai", "chat_completions")),
        ("gemini", ("gcp.gemini", "generate_content")),
    ];
    let known = KNOWN.into_iter().find(|(prefix, _)| model.starts_with(prefix));
    known.map_or(("unknown", "chat"), |(_, target)| target)
}

fn prompt(system: Option<&str>, messages: &[Message]) -> Value {
    let system = system.map(|text| json!({"role": "system", "content": text}));
    system.into_iter().chain(messages.iter().map(portable)).collect()
}

/// Returns a message without the parts that only say once more what others say, or that only the provider can read.
fn portable(message: &Message) -> Value {
    let is_native = |part: &ContentPart| matches!(part, ContentPart::Native { .. });
    if !message.content.iter().any(is_native) {
        return json!(message);
    }
    let content = message.content.iter().filter(|part| !is_native(part)).cloned();
    json!(Message::new(message.role, content))
}

fn params(request: &ChatRequest) -> Map<String, Value> {
    let text = |text: &Option<Arc<str>>| text.as_deref().map(Value::from);
    let set = [
        ("max_tokens", request.max_tokens.map(Value::from)),
        ("temperature", request.temperature.map(Value::from)),
        ("top_p", request.top_p.map(Value::from)),
        ("top_k", request.top_k.map(Value::from)),
        ("seed", request.seed.map(Value::from)),
        ("stop", (!request.stop.is_empty()).then(|| json!(request.stop))),
        ("tools", (!request.tools.is_empty()).then(|| json!(request.tools))),
        ("tool_choice", request.tool_choice.as_ref().map(|choice| json!(choice))),
        ("reasoning_effort", text(&request.reasoning_effort)),
        ("answer_schema", request.answer_schema.as_deref().cloned()),
        ("parallel_tool_calls", request.parallel_tool_calls.map(Value::from)),
        ("service_tier", text(&request.service_tier)),
    ];
    let mut params: Map<String, Value> = set
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)))
        .collect();
    params.extend(request.params.clone());
    redact::members(&mut params);
    params
}
