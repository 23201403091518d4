//! Converts message parts from each provider's form to the conventions'.

use serde_json::{Map, Value, json};

/// Converts a message's content: a string, a part or an array of parts.
pub(super) fn parts(content: &Value) -> Vec<Value> {
    match content {
        Value::Null => Vec::new(),
        Value::Array(all) => all.iter().map(part).collect(),
        one => vec![part(one)],
    }
}

pub(super) fn text(text: &str) -> Value {
    json!({"type": "text", "content": text})
}

pub(super) fn reasoning(text: &str) -> Value {
    json!({"type": "reasoning", "content": text})
}

pub(super) fn tool_call(id: &Value, name: &Value, arguments: &Value) -> Value {
    // OpenAI encodes arguments as a JSON string.
    let parsed = arguments.as_str().and_then(|text| serde_json::from_str(text).ok());
    let mut call = json!({"type": "tool_call", "name": name});
    call["arguments"] = parsed.unwrap_or_else(|| arguments.clone());
    if !id.is_null() {
        call["id"] = id.clone();
    }
    call
}

pub(super) fn tool_response(id: &Value, response: &Value) -> Value {
    json!({"type": "tool_call_response", "id": id, "response": response})
}

/// Describes a file in the message by its kind and MIME type. Its bytes are omitted from telemetry.
pub(super) fn blob(mime: &str, data: &Value) -> Value {
    let length = data.as_str().map_or(0, str::len);
    let redacted = data.as_str().filter(|data| data.starts_with("[redacted"));
    let content = redacted.map_or_else(|| format!("[redacted, {length} characters]"), Into::into);
    json!({"type": "blob", "modality": modality(mime), "mime_type": mime, "content": content})
}

fn modality(mime: &str) -> &str {
    mime.split('/').next().filter(|kind| !kind.is_empty()).unwrap_or("file")
}

/// Describes a file by its URI.
fn uri(modality: &str, uri: &Value) -> Value {
    match uri.as_str().and_then(|uri| uri.strip_prefix("data:")) {
        Some(data) => blob(data.split([';', ',']).next().unwrap_or_default(), uri),
        None => json!({"type": "uri", "modality": modality, "uri": uri}),
    }
}

fn file(modality: &str, id: &Value) -> Value {
    json!({"type": "file", "modality": modality, "file_id": id})
}

fn part(value: &Value) -> Value {
    let Value::Object(part) = value else {
        return value.as_str().map_or_else(|| unknown(value), text);
    };
    let get = |name: &str| part.get(name).unwrap_or(&Value::Null);
    let string = |name: &str| get(name).as_str().unwrap_or_default();
    let either = |first: &str, second: &str| part.get(first).unwrap_or_else(|| get(second));
    match get("type").as_str() {
        Some("text" | "input_text" | "output_text") => text(string("text")),
        Some("thinking") => reasoning(string("thinking")),
        Some("reasoning") => reasoning_item(part),
        Some("tool_use") => tool_call(get("id"), get("name"), get("input")),
        Some("tool_call") => tool_call(get("id"), get("name"), get("arguments")),
        Some("function_call") => tool_call(get("call_id"), get("name"), get("arguments")),
        Some("tool_result") => tool_response(either("tool_use_id", "tool_call_id"), get("content")),
        Some("function_call_output") => tool_response(get("call_id"), get("output")),
        Some("server_tool_use") => json!({
            "type": "server_tool_call", "id": get("id"), "name": get("name"),
            "server_tool_call": {"type": get("name"), "arguments": get("input")},
        }),
        Some(kind @ ("image" | "document")) => file_part(kind, part),
        Some("image_url") if part.contains_key("url") => uri("image", get("url")),
        Some("image_url" | "input_image") => match get("image_url") {
            Value::Null => file("image", get("file_id")),
            Value::Object(image) => uri("image", image.get("url").unwrap_or(&Value::Null)),
            url => uri("image", url),
        },
        Some("input_audio") => blob("audio", &get("input_audio")["data"]),
        Some("file" | "input_file") => {
            let inner = get("file").as_object().unwrap_or(part);
            match inner.get("file_id") {
                Some(id) => file("file", id),
                None => blob("", inner.get("file_data").unwrap_or(&Value::Null)),
            }
        }
        Some(_) => value.clone(),
        None => gemini_part(part).unwrap_or_else(|| unknown(value)),
    }
}

fn unknown(value: &Value) -> Value {
    json!({"type": "unknown", "content": value})
}

/// Converts reasoning of typed requests and of the Responses API, which has summaries.
fn reasoning_item(part: &Map<String, Value>) -> Value {
    let texts = |name: &str| {
        let all = part.get(name).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|text| text["text"].as_str()).collect::<Vec<_>>().join("\n")
    };
    match part.get("text").and_then(Value::as_str) {
        Some(text) => reasoning(text),
        None => reasoning(&(texts("content") + &texts("summary"))),
    }
}

/// Converts files of Anthropic and of typed requests.
fn file_part(kind: &str, part: &Map<String, Value>) -> Value {
    let Some(source) = part.get("source") else {
        let mime = part.get("media_type").and_then(Value::as_str).unwrap_or(kind);
        return blob(mime, part.get("data_base64").unwrap_or(&Value::Null));
    };
    match source["type"].as_str() {
        Some("url") => uri(kind, &source["url"]),
        Some("file") => file(kind, &source["file_id"]),
        Some("text") => text(source["data"].as_str().unwrap_or_default()),
        _ => blob(source["media_type"].as_str().unwrap_or(kind), &source["data"]),
    }
}

fn gemini_part(part: &Map<String, Value>) -> Option<Value> {
    let either = |one: &str, other: &str| part.get(one).or_else(|| part.get(other));
    if let Some(content) = part.get("text").and_then(Value::as_str) {
        let thought = part.get("thought").and_then(Value::as_bool) == Some(true);
        return Some(if thought { reasoning(content) } else { text(content) });
    }
    if let Some(call) = either("functionCall", "function_call") {
        return Some(tool_call(&call["id"], &call["name"], &call["args"]));
    }
    if let Some(response) = either("functionResponse", "function_response") {
        let id = if response["id"].is_null() { &response["name"] } else { &response["id"] };
        return Some(tool_response(id, &response["response"]));
    }
    let mime = |data: &Value| {
        let mime = data.get("mimeType").or_else(|| data.get("mime_type"));
        mime.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    if let Some(data) = either("inlineData", "inline_data") {
        return Some(blob(&mime(data), &data["data"]));
    }
    let data = either("fileData", "file_data")?;
    let file_uri = data.get("fileUri").or_else(|| data.get("file_uri")).unwrap_or(&Value::Null);
    Some(uri(modality(&mime(data)), file_uri))
}
