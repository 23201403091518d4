use serde_json::{Map, Value, json};

use super::part::part;
use crate::{
    chat::{ChatRequest, ModelError, Role, ToolChoice},
    model::{
        calls::{self, Calls},
        check, fields, native,
    },
};

/// Returns the body of the HTTP request for a chat request.
pub(super) fn body(request: &ChatRequest) -> Result<Vec<u8>, ModelError> {
    check::max_tokens(request, request.max_tokens, "generationConfig")?;
    check::numbers(request)?;
    let hint = "set what it takes with ChatRequest::param";
    check::refuse(request, "Gemini", &["parallel_tool_calls", "cached tool"], hint)?;
    let (system, contents) = contents(request)?;
    check::messages(request, &contents, "contents")?;
    fields::body(&request.params, |fields| {
        fields.set("contents", Some(&contents))?;
        let system = (!system.is_empty()).then(|| json!({"parts": system}));
        fields.set("systemInstruction", system)?;
        fields.merge("generationConfig", generation(request))?;
        let tools = request.tools.iter().map(|tool| {
            let mut declared = json!({"name": tool.name, "parametersJsonSchema": tool.parameters});
            if let Some(description) = &tool.description {
                declared["description"] = description.as_str().into();
            }
            declared
        });
        let tools: Vec<Value> = tools.collect();
        let tools = (!tools.is_empty()).then(|| json!([{"functionDeclarations": tools}]));
        fields.set("tools", tools)?;
        let choice = request.tool_choice.as_ref().map(|choice| {
            let config = match choice {
                ToolChoice::Auto => json!({"mode": "AUTO"}),
                ToolChoice::None => json!({"mode": "NONE"}),
                ToolChoice::Required => json!({"mode": "ANY"}),
                ToolChoice::Tool(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
            };
            json!({"functionCallingConfig": config})
        });
        fields.set("toolConfig", choice)?;
        fields.set("serviceTier", request.service_tier.as_deref())?;
        Ok(())
    })
}

/// Returns the parts of the instruction, and the other messages.
fn contents(request: &ChatRequest) -> Result<(Vec<Value>, Vec<Value>), ModelError> {
    let mut system: Vec<_> = request.system.iter().map(|text| json!({"text": &**text})).collect();
    let mut contents: Vec<Value> = Vec::new();
    let mut calls = Calls::default();
    for message in request.messages.iter() {
        // Also those that a native part covers.
        message.content.iter().for_each(|part| calls.add(part));
        let mut parts = Vec::new();
        for it in native::parts(message, "generate_content") {
            parts.extend(part(it, &mut calls)?);
        }
        let role = match message.role {
            Role::System => {
                system.extend(parts);
                continue;
            }
            Role::Assistant => "model",
            Role::User | Role::Tool => "user",
        };
        let is_result = |part: &Value| part["functionResponse"].is_object();
        let results = parts.iter().all(is_result);
        match contents.last_mut().and_then(|last| last["parts"].as_array_mut()) {
            // The results of calls that were made at once are one message.
            Some(last) if results && last.iter().all(is_result) => last.extend(parts),
            _ if parts.is_empty() => {}
            _ => contents.push(json!({"role": role, "parts": parts})),
        }
    }
    Ok((system, contents))
}

fn generation(request: &ChatRequest) -> Map<String, Value> {
    calls::settings(
        request,
        [
            ("maxOutputTokens", |it| it.max_tokens.map(Value::from)),
            ("temperature", |it| it.temperature.map(Value::from)),
            ("topP", |it| it.top_p.map(Value::from)),
            ("topK", |it| it.top_k.map(Value::from)),
            ("seed", |it| it.seed.map(Value::from)),
            ("stopSequences", |it| (!it.stop.is_empty()).then(|| json!(it.stop))),
            ("responseMimeType", |it| it.answer_schema.as_ref().map(|_| "application/json".into())),
            ("responseJsonSchema", |it| it.answer_schema.as_deref().cloned()),
            ("thinkingConfig", |it| {
                let effort = it.reasoning_effort.as_deref()?;
                Some(json!({"thinkingLevel": effort}))
            }),
        ],
    )
}
