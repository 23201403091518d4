use serde_json::{Value, json};

use super::{
    item::{Context, Item},
    tool::{self, WireTool},
};
use crate::{
    chat::{ChatRequest, ModelError},
    model::{calls, check, fields, openai::common},
};

/// Returns the body of the HTTP request for a chat request.
pub(in crate::model::openai) fn body(request: &ChatRequest) -> Result<Vec<u8>, ModelError> {
    common::check(request, "max_output_tokens")?;
    let hint =
        "use OpenAiApi::ChatCompletions; if the server supports it, set it with ChatRequest::param";
    check::refuse(request, "the Responses API", &["stop", "top_k", "seed"], hint)?;
    let mut input = Vec::new();
    let context = Context::new(request);
    for message in request.messages.iter() {
        Item::add(message, &context, &mut input)?;
    }
    check::messages(request, &input, "input")?;
    fields::body(&request.params, |fields| {
        fields.set("model", Some(&request.model))?;
        fields.set("instructions", request.system.as_deref())?;
        fields.set("input", Some(&input))?;
        fields.set("max_output_tokens", request.max_tokens)?;
        fields.set("temperature", request.temperature)?;
        fields.set("top_p", request.top_p)?;
        let tools: Vec<_> = request.tools.iter().map(WireTool::new).collect();
        fields.list("tools", &tools)?;
        fields.set("tool_choice", request.tool_choice.as_ref().map(tool::choice))?;
        fields.set("parallel_tool_calls", request.parallel_tool_calls)?;
        fields.merge("reasoning", calls::settings(request, [("effort", effort)]))?;
        fields.merge("text", calls::settings(request, [("format", format)]))?;
        fields.set("service_tier", request.service_tier.as_deref())?;
        fields.set("stream", Some(request.stream))?;
        Ok(())
    })
}

fn effort(request: &ChatRequest) -> Option<Value> {
    request.reasoning_effort.as_deref().map(Value::from)
}

fn format(request: &ChatRequest) -> Option<Value> {
    let schema = request.answer_schema.as_deref()?;
    Some(json!({"type": "json_schema", "name": "answer", "schema": schema, "strict": true}))
}
