use serde_json::{Map, Value, json};

use super::part::{block, cache_point};
use crate::{
    chat::{ChatRequest, ModelError, Role, ToolChoice},
    model::{calls, check, fields, native},
};

/// Returns the body of the HTTP request for a chat request.
pub(super) fn body(request: &ChatRequest) -> Result<Vec<u8>, ModelError> {
    check::max_tokens(request, request.max_tokens, "inferenceConfig")?;
    check::numbers(request)?;
    let own = "set what the model takes with ChatRequest::model_field of BedrockRequest";
    check::refuse(request, "Bedrock", &["top_k", "seed", "parallel_tool_calls"], own)?;
    if request.tool_choice == Some(ToolChoice::None) {
        let message = "Bedrock has no tool_choice for no tool: omit the tools";
        return Err(ModelError::invalid(message));
    }
    let (system, messages) = turns(request)?;
    check::messages(request, &messages, "messages")?;
    fields::body(&request.params, |fields| {
        fields.list("system", &system)?;
        fields.set("messages", Some(&messages))?;
        fields.merge("inferenceConfig", inference(request))?;
        fields.merge("toolConfig", tools(request))?;
        fields.merge("outputConfig", output(request))?;
        let tier = request.service_tier.as_deref().map(|tier| json!({"type": tier}));
        fields.set("serviceTier", tier)?;
        Ok(())
    })
}

/// Returns the blocks of `system`, and the other messages. Those of one role after another are one: roles alternate.
fn turns(request: &ChatRequest) -> Result<(Vec<Value>, Vec<Value>), ModelError> {
    let mut system: Vec<_> = request.system.iter().map(|text| json!({"text": &**text})).collect();
    let mut turns: Vec<Value> = Vec::new();
    for message in request.messages.iter() {
        let mut blocks = Vec::new();
        for part in native::parts(message, "converse") {
            blocks.extend(block(part)?);
        }
        let role = match message.role {
            Role::System => {
                system.extend(blocks);
                continue;
            }
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
        };
        match turns.last_mut() {
            Some(last) if last["role"] == role => {
                last["content"].as_array_mut().into_iter().for_each(|it| it.append(&mut blocks));
            }
            _ if blocks.is_empty() => {}
            _ => turns.push(json!({"role": role, "content": blocks})),
        }
    }
    Ok((system, turns))
}

fn inference(request: &ChatRequest) -> Map<String, Value> {
    calls::settings(
        request,
        [
            ("maxTokens", |it| it.max_tokens.map(Value::from)),
            ("temperature", |it| it.temperature.map(Value::from)),
            ("topP", |it| it.top_p.map(Value::from)),
            ("stopSequences", |it| (!it.stop.is_empty()).then(|| json!(it.stop))),
        ],
    )
}

fn tools(request: &ChatRequest) -> Map<String, Value> {
    let mut tools = Vec::new();
    for tool in &request.tools {
        let mut spec = json!({"name": tool.name, "inputSchema": {"json": tool.parameters}});
        if let Some(description) = &tool.description {
            spec["description"] = description.as_str().into();
        }
        tools.push(json!({"toolSpec": spec}));
        tools.extend(tool.cached.then(|| cache_point(None)));
    }
    let choice = request.tool_choice.as_ref().and_then(|choice| {
        Some(match choice {
            ToolChoice::Auto => json!({"auto": {}}),
            ToolChoice::Required => json!({"any": {}}),
            ToolChoice::Tool(name) => json!({"tool": {"name": name}}),
            ToolChoice::None => return None,
        })
    });
    let tools = (!tools.is_empty()).then(|| ("tools".to_owned(), tools.into()));
    tools.into_iter().chain(choice.map(|choice| ("toolChoice".to_owned(), choice))).collect()
}

/// Returns how the model reasons and answers. The schema is a string of JSON.
fn output(request: &ChatRequest) -> Map<String, Value> {
    calls::settings(
        request,
        [
            ("effort", |it| it.reasoning_effort.as_deref().map(Value::from)),
            ("textFormat", |it| {
                let schema = it.answer_schema.as_deref()?.to_string();
                let structure = json!({"jsonSchema": {"name": "answer", "schema": schema}});
                Some(json!({"type": "json_schema", "structure": structure}))
            }),
        ],
    )
}
