//! Finds what a request consists of, in the shapes of all providers.

use std::hash::{Hash, Hasher};

use serde_json::{Map, Value};

use super::prompt_words::PromptWords;
use crate::redact;

/// What there is in a request beside words.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) tools: u64,
    pub(super) calls: u64,
    pub(super) media: bool,
    pub(super) server_tools: bool,
    pub(super) stored_context: bool,
    pub(super) hidden_reasoning: bool,
}

/// Whether a member is no text for the model.
fn is_no_text(name: &str) -> bool {
    matches!(
        name,
        "annotations"
            | "bytes"
            | "cachePoint"
            | "cache_control"
            | "call_id"
            | "citations"
            | "created_at"
            | "data"
            | "detail"
            | "encrypted_content"
            | "encrypted_index"
            | "fileId"
            | "fileUri"
            | "file_id"
            | "file_uri"
            | "filename"
            | "format"
            | "id"
            | "index"
            | "is_error"
            | "logprobs"
            | "media_type"
            | "metadata"
            | "mimeType"
            | "mime_type"
            | "namespace"
            | "object"
            | "phase"
            | "role"
            | "signature"
            | "status"
            | "thoughtSignature"
            | "thought_signature"
            | "toolUseId"
            | "tool_call_id"
            | "tool_use_id"
            | "type"
            | "uri"
            | "url"
            | "videoMetadata"
    )
}

/// Whether a type of content is no text.
fn is_media(name: &str) -> bool {
    matches!(
        name,
        "audio"
            | "audio_url"
            | "file"
            | "image"
            | "image_file"
            | "image_url"
            | "input_audio"
            | "input_file"
            | "input_image"
            | "input_video"
            | "video"
            | "video_url"
    )
}

/// Whether a member holds content that is no text.
fn holds_media(name: &str) -> bool {
    matches!(
        name,
        "audio"
            | "bytesBase64Encoded"
            | "fileData"
            | "file_data"
            | "image"
            | "image_url"
            | "images"
            | "inlineData"
            | "inline_data"
            | "inputImage"
            | "input_audio"
            | "video"
            | "video_url"
    )
}

/// Whether a member is rendered as JSON by the provider: arguments and results of calls.
fn is_rendered_as_json(name: &str) -> bool {
    matches!(name, "args" | "arguments" | "input" | "json" | "parameters" | "response")
}

/// Adds the texts of messages.
pub(super) fn text(root: &Value, out: &mut PromptWords, found: &mut Found) {
    let mut stack = vec![root];
    while let Some(value) = stack.pop() {
        match value {
            Value::String(text) if redact::is_placeholder(text) => found.media = true,
            Value::String(text) => out.text(text),
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_number) => {
                out.numbers(items.len());
            }
            // In order, so that samples are spread evenly; and as a stack, so that depth costs no stack of the thread.
            Value::Array(items) => stack.extend(items.iter().rev()),
            Value::Object(object) => self::object(object, out, found, &mut stack),
            _ => {}
        }
    }
}

fn object<'v>(
    object: &'v Map<String, Value>,
    out: &mut PromptWords,
    found: &mut Found,
    stack: &mut Vec<&'v Value>,
) {
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    // The file of a form has nothing but its type and size.
    let is_file = ["content_type", "bytes"].iter().all(|name| object.contains_key(*name));
    if is_media(kind) || is_file {
        found.media = true;
        return;
    }
    if kind == "reasoning" && !object.contains_key("content") && !object.contains_key("text") {
        found.hidden_reasoning |=
            object.contains_key("encrypted_content") || object.contains_key("id");
        return;
    }
    if kind == "redacted_thinking" {
        found.hidden_reasoning = true;
        return;
    }
    if kind == "item_reference" {
        found.stored_context = true;
        return;
    }
    if is_server_item(kind) {
        found.server_tools = true;
        return;
    }
    let is_call = matches!(kind, "tool_use" | "function_call" | "custom_tool_call" | "tool_call")
        || ["function", "functionCall", "function_call", "toolUse"]
            .iter()
            .any(|name| object.get(*name).is_some_and(Value::is_object));
    found.calls += u64::from(is_call);
    for (name, value) in object {
        match name.as_str() {
            "source" | "document" => document(name, value, out, found, stack),
            name if holds_media(name) => found.media |= is_set(value),
            name if is_no_text(name) => {}
            name if is_rendered_as_json(name) && !value.is_string() && !is_content(value) => {
                if !value.is_null() {
                    out.json(value);
                }
            }
            _ => stack.push(value),
        }
    }
}

/// A document is text, or else a file.
fn document<'v>(
    name: &str,
    value: &'v Value,
    out: &mut PromptWords,
    found: &mut Found,
    stack: &mut Vec<&'v Value>,
) {
    let Value::Object(object) = value else {
        return stack.push(value);
    };
    match object.get("type").and_then(Value::as_str) {
        Some("base64" | "url" | "file") => found.media = true,
        Some("text") => stack.extend(object.get("data")),
        _ if object.contains_key("bytes") || object.contains_key("s3Location") => {
            found.media = true;
        }
        // As Cohere's, which has its text as data.
        _ if name == "document" && object.contains_key("data") => out.json(&object["data"]),
        _ => stack.push(value),
    }
}

/// Whether a value is a list of parts, as the results of calls may be.
fn is_content(value: &Value) -> bool {
    value.as_array().is_some_and(|items| {
        !items.is_empty() && items.iter().all(|item| item.get("type").is_some_and(Value::is_string))
    })
}

fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

/// Whether a type is one of an item that the provider's own tools made.
fn is_server_item(kind: &str) -> bool {
    match kind {
        "function_call" | "custom_tool_call" | "tool_call" | "local_shell_call" | "shell_call"
        | "apply_patch_call" => false,
        "server_tool_use" | "mcp_tool_use" | "mcp_list_tools" | "computer_call_output" => true,
        _ => kind.ends_with("_call") || kind.ends_with("_tool_result"),
    }
}

/// Adds the functions of a list of tools.
pub(super) fn tools(list: &Value, out: &mut PromptWords, found: &mut Found, set: &mut impl Hasher) {
    let Value::Array(list) = list else { return };
    for tool in list.iter().filter_map(Value::as_object) {
        let declared = ["functionDeclarations", "function_declarations"]
            .iter()
            .find_map(|name| tool.get(*name)?.as_array());
        let wrapped = ["function", "toolSpec"].iter().find_map(|name| tool.get(*name)?.as_object());
        let kind = tool.get("type").and_then(Value::as_str);
        match (declared, wrapped) {
            (Some(all), _) => {
                for one in all.iter().filter_map(Value::as_object) {
                    function(one, out, found, set);
                }
                found.server_tools |= tool.len() > 1;
            }
            (None, Some(one)) => function(one, out, found, set),
            _ if matches!(kind, None | Some("function" | "custom"))
                && tool.contains_key("name") =>
            {
                function(tool, out, found, set);
            }
            _ => found.server_tools |= !tool.is_empty() && !tool.contains_key("cachePoint"),
        }
    }
}

fn function(
    function: &Map<String, Value>,
    out: &mut PromptWords,
    found: &mut Found,
    set: &mut impl Hasher,
) {
    const SCHEMAS: [&str; 8] = [
        "parameters",
        "input_schema",
        "inputSchema",
        "parametersJsonSchema",
        "parameters_json_schema",
        "parameter_definitions",
        "format",
        "schema",
    ];
    found.tools += 1;
    for name in ["name", "description"] {
        if let Some(Value::String(text)) = function.get(name) {
            out.text(text);
            if name == "name" {
                text.hash(set);
            }
        }
    }
    for schema in SCHEMAS.iter().filter_map(|name| function.get(*name)) {
        out.json(schema);
    }
}
