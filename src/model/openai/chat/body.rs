use serde_json::{Value, json};

use super::{
    message::Message,
    tool::{self, WireTool},
};
use crate::{
    chat::{ChatRequest, ModelError},
    model::{
        check, fields,
        openai::{common, config::OpenAiConfig},
    },
};

/// Returns the body of the HTTP request for a chat request.
pub(in crate::model::openai) fn body(
    request: &ChatRequest,
    config: &OpenAiConfig,
) -> Result<Vec<u8>, ModelError> {
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
    fields::body(&request.params, |fields| {
        fields.set("model", Some(&request.model))?;
        fields.set("messages", Some(&messages))?;
        fields.set(config.max_tokens_field.name(), request.max_tokens)?;
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
        fields.set("stream_options", stream_options(request, config))?;
        Ok(())
    })
}

/// Returns `stream_options`, which may be sent only if the answer is streamed.
fn stream_options(request: &ChatRequest, config: &OpenAiConfig) -> Option<Value> {
    let stream = request.params.get("stream").map_or(request.stream, |stream| stream == true);
    (stream && config.include_usage).then(|| json!({"include_usage": true}))
}
