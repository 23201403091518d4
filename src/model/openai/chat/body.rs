use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{
    message::Message,
    tool::{self, WireTool},
};
use crate::{
    chat::{ChatRequest, ModelError},
    model::{
        check,
        fields::{self, Fields},
        openai::{common, config::OpenAiConfig},
    },
};

/// Returns the body of the HTTP request for a chat request.
pub(in crate::model::openai) fn body(
    request: &ChatRequest,
    config: &OpenAiConfig,
) -> Result<Vec<u8>, ModelError> {
    fields::write(&Body::new(request, config)?)
}

struct Body<'a> {
    request: &'a ChatRequest,
    config: &'a OpenAiConfig,
    messages: Vec<Message<'a>>,
}

impl<'a> Body<'a> {
    fn new(request: &'a ChatRequest, config: &'a OpenAiConfig) -> Result<Self, ModelError> {
        common::check(request, config.max_tokens_field.name())?;
        let mut messages = Vec::new();
        for message in request.messages.iter() {
            Message::add(message, &mut messages)?;
        }
        if config.is_openai() {
            // It refuses members that it does not know, and has no reasoning to repeat.
            messages.iter_mut().for_each(Message::clear_more);
        }
        check::messages(request, &messages, "messages")?;
        if let Some(text) = &request.system {
            messages.insert(0, Message::system(text));
        }
        Ok(Self { request, config, messages })
    }

    /// Returns `stream_options`, which may be sent only if the answer is streamed.
    fn stream_options(&self) -> Option<Value> {
        let param = self.request.params.get("stream");
        let stream = param.map_or(self.request.stream, |stream| stream == true);
        (stream && self.config.include_usage).then(|| json!({"include_usage": true}))
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = self.request;
        let mut fields = Fields::new(serializer, &request.params)?;
        fields.set("model", Some(&request.model))?;
        fields.set("messages", Some(&self.messages))?;
        fields.set(self.config.max_tokens_field.name(), request.max_tokens)?;
        fields.set("temperature", request.temperature)?;
        fields.set("top_p", request.top_p)?;
        fields.set("top_k", request.top_k)?;
        fields.set("seed", request.seed)?;
        fields.list("stop", &request.stop)?;
        let tools: Vec<_> = request.tools.iter().map(WireTool::new).collect();
        fields.list("tools", &tools)?;
        fields.set("tool_choice", request.tool_choice.as_ref().map(tool::choice))?;
        fields.set("parallel_tool_calls", request.parallel_tool_calls)?;
        fields.set("reasoning_effort", request.reasoning_effort.as_deref())?;
        let format = request.answer_schema.as_deref().map(|schema| {
            let schema = json!({"name": "answer", "schema": schema, "strict": true});
            json!({"type": "json_schema", "json_schema": schema})
        });
        fields.set("response_format", format)?;
        fields.set("service_tier", request.service_tier.as_deref())?;
        fields.set("stream", Some(request.stream))?;
        fields.set("stream_options", self.stream_options())?;
        fields.end()
    }
}
