use serde::Serialize;
use serde_json::{Map, Value, json};

use super::block::Block;
use crate::{
    chat::{ChatRequest, ContentPart, ModelError, Role, Tool, ToolChoice},
    model::{calls, check, content::Content, fields, native},
};

/// Returns the body of the HTTP request for a chat request.
pub(super) fn body(
    request: &ChatRequest,
    default_max_tokens: Option<u32>,
) -> Result<Vec<u8>, ModelError> {
    check::model(request)?;
    let max_tokens = request.max_tokens.or(default_max_tokens);
    if max_tokens.is_none() && !request.params.contains_key("max_tokens") {
        let message = "max_tokens is not set: set it on the request, or default_max_tokens";
        return Err(ModelError::invalid(message));
    }
    check::max_tokens(request, max_tokens, "max_tokens")?;
    check::numbers(request)?;
    check::refuse(request, "Anthropic", &["seed"], "set what it takes with ChatRequest::param")?;
    let (system, messages) = turns(request)?;
    check::messages(request, &messages, "messages")?;
    fields::body(&request.params, |fields| {
        fields.set("model", Some(&request.model))?;
        fields.set("max_tokens", max_tokens)?;
        fields.set("system", Some(&system).filter(|system| !system.0.is_empty()))?;
        fields.set("messages", Some(&messages))?;
        fields.set("temperature", request.temperature)?;
        fields.set("top_p", request.top_p)?;
        fields.set("top_k", request.top_k)?;
        fields.list("stop_sequences", &request.stop)?;
        let tools: Vec<_> = request.tools.iter().map(tool).collect();
        fields.list("tools", &tools)?;
        fields.set("tool_choice", tool_choice(request))?;
        fields.merge("output_config", output_config(request))?;
        fields.set("service_tier", request.service_tier.as_deref())?;
        fields.set("stream", Some(request.stream))?;
        Ok(())
    })
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: Content<Block<'a>>,
    /// Whether the turn consists of tool results, to which the following ones are added.
    #[serde(skip)]
    tool: bool,
}

/// Returns the blocks of `system` and the other messages.
fn turns(request: &ChatRequest) -> Result<(Content<Block<'_>>, Vec<Turn<'_>>), ModelError> {
    let mut system = Content(request.system.iter().map(|text| Block::Text { text }).collect());
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for message in request.messages.iter() {
        let (role, tool) = match message.role {
            Role::System => ("system", false),
            Role::User => ("user", false),
            Role::Assistant => ("assistant", false),
            Role::Tool => ("user", true),
        };
        let mut own = Content::default();
        let is_system = message.role == Role::System;
        let content = if is_system { &mut system } else { &mut own };
        for part in native::parts(message, "messages") {
            match part {
                ContentPart::CachePoint { ttl } => {
                    content.mark("cache_control", cache_control(ttl.as_deref()))?;
                }
                part => content.0.extend(Block::new(part)?),
            }
        }
        match turns.last_mut() {
            Some(last) if last.tool && tool => last.content.0.append(&mut own.0),
            _ if own.0.is_empty() => {}
            _ => turns.push(Turn { role, content: own, tool }),
        }
    }
    Ok((system, turns))
}

fn cache_control(ttl: Option<&str>) -> Value {
    let mut control = json!({"type": "ephemeral"});
    if let Some(ttl) = ttl {
        control["ttl"] = ttl.into();
    }
    control
}

/// Returns the choice of a tool, of which the setting of parallel calls is part.
fn tool_choice(request: &ChatRequest) -> Option<Value> {
    let mut value = request.tool_choice.as_ref().map(choice);
    if let Some(allowed) = request.parallel_tool_calls
        && !request.tools.is_empty()
    {
        let value = value.get_or_insert_with(|| json!({"type": "auto"}));
        if value["type"] != "none" {
            value["disable_parallel_tool_use"] = (!allowed).into();
        }
    }
    value
}

/// Returns how the model reasons and answers.
fn output_config(request: &ChatRequest) -> Map<String, Value> {
    calls::settings(
        request,
        [
            ("effort", |it| it.reasoning_effort.as_deref().map(Value::from)),
            ("format", |it| {
                let schema = it.answer_schema.as_deref()?;
                Some(json!({"type": "json_schema", "schema": schema}))
            }),
        ],
    )
}

#[derive(Serialize)]
struct WireTool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Value>,
}

fn tool(tool: &Tool) -> WireTool<'_> {
    let Tool { name, description, parameters, cached } = tool;
    let cache_control = cached.then(|| cache_control(None));
    WireTool { name, description: description.as_deref(), input_schema: parameters, cache_control }
}

fn choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!({"type": "auto"}),
        ToolChoice::None => json!({"type": "none"}),
        ToolChoice::Required => json!({"type": "any"}),
        ToolChoice::Tool(name) => json!({"type": "tool", "name": name}),
    }
}
