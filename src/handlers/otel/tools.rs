use serde_json::{Map, Value};

/// Returns the tools that the model may call, in the conventions' form, or `None` if the request has no tools.
pub(super) fn definitions(params: &Map<String, Value>) -> Option<Value> {
    let tools = params.get("tools")?.as_array()?;
    let mut all = Vec::with_capacity(tools.len());
    for tool in tools {
        // Gemini groups function declarations.
        let group = tool.get("functionDeclarations").or_else(|| tool.get("function_declarations"));
        match group.and_then(Value::as_array) {
            Some(group) => all.extend(group.iter().map(definition)),
            None => all.push(definition(tool)),
        }
    }
    Some(all.into())
}

fn definition(tool: &Value) -> Value {
    let inner = tool.get("function").unwrap_or(tool);
    let kind = tool.get("type").and_then(Value::as_str).unwrap_or("function");
    // The provider's own tools keep the provider's form.
    if !matches!(kind, "function" | "custom") || !inner.is_object() {
        return tool.clone();
    }
    let mut definition = Map::new();
    definition.insert("type".to_owned(), "function".into());
    for name in ["name", "description"] {
        if let Some(value) = inner.get(name) {
            definition.insert(name.to_owned(), value.clone());
        }
    }
    let schema = inner.get("parameters").or_else(|| inner.get("input_schema"));
    if let Some(schema) = schema {
        definition.insert("parameters".to_owned(), schema.clone());
    }
    definition.into()
}
