use serde::{Serialize, Serializer};
use serde_json::json;

use super::{
    item::{Context, Item},
    tool::{self, WireTool},
};
use crate::{
    chat::{ChatRequest, ModelError},
    model::{
        check,
        fields::{self, Fields},
        openai::common,
    },
};

/// Returns the body of the HTTP request for a chat request.
pub(in crate::model::openai) fn body(request: &ChatRequest) -> Result<Vec<u8>, ModelError> {
    fields::write(&Body::new(request)?)
}

struct Body<'a> {
    request: &'a ChatRequest,
    input: Vec<Item<'a>>,
}

impl<'a> Body<'a> {
    fn new(request: &'a ChatRequest) -> Result<Self, ModelError> {
        common::check(request, "max_output_tokens")?;
        for (name, is_set) in
            [("stop", !request.stop.is_empty()), ("top_k", request.top_k.is_some())]
        {
            if is_set && !request.params.contains_key(name) {
                return Err(ModelError::invalid(format!(
                    "the Responses API takes no {name}: omit it or use \
                     OpenAiApi::ChatCompletions; if the server supports it, set it with \
                     ChatRequest::param"
                )));
            }
        }
        let mut input = Vec::new();
        let context = Context::new(request);
        for message in request.messages.iter() {
            Item::add(message, &context, &mut input);
        }
        check::messages(request, &input, "input")?;
        Ok(Self { request, input })
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = self.request;
        let mut fields = Fields::new(serializer, &request.params)?;
        fields.set("model", Some(&request.model))?;
        fields.set("instructions", request.system.as_deref())?;
        fields.set("input", Some(&self.input))?;
        fields.set("max_output_tokens", request.max_tokens)?;
        fields.set("temperature", request.temperature)?;
        fields.set("top_p", request.top_p)?;
        let tools: Vec<_> = request.tools.iter().map(WireTool::new).collect();
        fields.list("tools", &tools)?;
        fields.set("tool_choice", request.tool_choice.as_ref().map(tool::choice))?;
        fields.set("parallel_tool_calls", request.parallel_tool_calls)?;
        let effort = request.reasoning_effort.as_deref();
        fields.set("reasoning", effort.map(|effort| json!({"effort": effort})))?;
        let format = request.answer_schema.as_deref().map(|schema| {
            let format =
                json!({"type": "json_schema", "name": "answer", "schema": schema, "strict": true});
            json!({"format": format})
        });
        fields.set("text", format)?;
        fields.set("service_tier", request.service_tier.as_deref())?;
        fields.set("stream", Some(request.stream))?;
        fields.end()
    }
}
