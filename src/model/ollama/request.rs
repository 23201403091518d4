use serde_json::{Map, Value, json};

use crate::{
    chat::{ChatRequest, ContentPart, Message, ModelError, Role, ToolChoice},
    model::{
        calls::{self, Calls},
        check, fields, native,
    },
};

/// Returns the body of the HTTP request for a chat request.
pub(super) fn body(request: &ChatRequest) -> Result<Vec<u8>, ModelError> {
    check::model(request)?;
    check::max_tokens(request, request.max_tokens, "options")?;
    check::numbers(request)?;
    let names = ["parallel_tool_calls", "service_tier", "cached tool"];
    check::refuse(request, "Ollama", &names, "set what it takes with ChatRequest::param")?;
    if !matches!(request.tool_choice, None | Some(ToolChoice::Auto)) {
        return Err(ModelError::invalid("Ollama takes no tool_choice: omit it"));
    }
    let mut messages = Vec::new();
    let mut calls = Calls::default();
    for it in request.messages.iter() {
        add(it, &mut calls, &mut messages)?;
    }
    check::messages(request, &messages, "messages")?;
    if let Some(text) = &request.system {
        messages.insert(0, json!({"role": "system", "content": &**text}));
    }
    fields::body(&request.params, |fields| {
        fields.set("model", Some(&request.model))?;
        fields.set("messages", Some(&messages))?;
        let options = calls::settings(
            request,
            [
                ("num_predict", |it| it.max_tokens.map(Value::from)),
                ("temperature", |it| it.temperature.map(Value::from)),
                ("top_p", |it| it.top_p.map(Value::from)),
                ("top_k", |it| it.top_k.map(Value::from)),
                ("seed", |it| it.seed.map(Value::from)),
                ("stop", |it| (!it.stop.is_empty()).then(|| json!(it.stop))),
            ],
        );
        fields.merge("options", options)?;
        let tools: Vec<_> = request
            .tools
            .iter()
            .map(|tool| json!({"type": "function", "function": tool}))
            .collect();
        fields.list("tools", &tools)?;
        fields.set("format", request.answer_schema.as_deref())?;
        fields.set("think", request.reasoning_effort.as_deref())?;
        fields.set("stream", Some(request.stream))?;
        Ok(())
    })
}

/// Adds the messages for a message: each result is one, and all other parts.
fn add<'a>(
    message: &'a Message,
    calls: &mut Calls<'a>,
    to: &mut Vec<Value>,
) -> Result<(), ModelError> {
    message.content.iter().for_each(|part| calls.add(part));
    let role = match message.role {
        Role::System => "system",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    };
    let (mut content, mut images, mut tools) = (String::new(), Vec::new(), Vec::new());
    let mut more = Map::new();
    for part in native::parts(message, "chat") {
        match part {
            ContentPart::Text { text } => content.push_str(text),
            ContentPart::Image { data_base64, .. } => {
                images.push(Value::from(data_base64.as_str()));
            }
            ContentPart::ToolCall { id, name, arguments } => {
                let arguments = if arguments.is_null() { json!({}) } else { arguments.clone() };
                let mut call = json!({"function": {"name": name, "arguments": arguments}});
                if !id.is_empty() {
                    call["id"] = id.as_str().into();
                }
                tools.push(call);
            }
            ContentPart::ToolResult { tool_call_id: id, content, is_error: _ } => {
                let name = calls.name(id).ok_or_else(|| {
                    ModelError::invalid(format!(
                        "a tool result is of the call {id:?}, which no message before it has"
                    ))
                })?;
                let mut result = json!({"role": "tool", "tool_name": name, "content": content});
                if !id.is_empty() {
                    result["tool_call_id"] = id.as_str().into();
                }
                to.push(result);
            }
            ContentPart::Raw(Value::Object(value))
            | ContentPart::Native { value: Value::Object(value), .. } => {
                more.extend(value.clone());
            }
            ContentPart::Reasoning { .. } => {}
            part => return Err(check::no_form("Ollama", part)),
        }
    }
    if !images.is_empty() {
        more.insert("images".to_owned(), images.into());
    }
    if !tools.is_empty() {
        more.insert("tool_calls".to_owned(), tools.into());
    }
    if !content.is_empty() || !more.is_empty() {
        more.insert("role".to_owned(), role.into());
        more.entry("content").or_insert(content.into());
        to.push(more.into());
    }
    Ok(())
}
