//! What providers refuse in the messages of a request: calls without results, results without calls, reasoning that is
//! missing, changed or in another place.

use serde_json::Value;

use super::thought::{is_sealed, sign};

type Checked = Result<(), String>;

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Checks the messages of Anthropic's Messages API.
pub(crate) fn messages(request: &Value, thinks: bool) -> Checked {
    let messages = items(&request["messages"]);
    for (at, message) in messages.iter().enumerate() {
        let blocks = items(&message["content"]);
        let of = |message: Option<&Value>, kind: &str, id: &str| -> Vec<String> {
            let blocks = message.map_or(&[][..], |it| items(&it["content"]));
            let blocks = blocks.iter().filter(|block| block["type"] == kind);
            blocks.map(|block| text(block, id).to_owned()).collect()
        };
        let before = at.checked_sub(1).and_then(|before| messages.get(before));
        let calls = of(before, "tool_use", "id");
        let results = of(Some(message), "tool_result", "tool_use_id");
        if let Some(id) = results.iter().find(|id| !calls.contains(id)) {
            return Err(format!(
                "messages.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block \
                 must have a corresponding `tool_use` block in the previous message."
            ));
        }
        if calls.iter().any(|id| !results.contains(id)) {
            return Err(format!(
                "messages.{}: `tool_use` ids were found without `tool_result` blocks immediately after: {}.",
                at - 1,
                calls.join(", ")
            ));
        }
        let last_result = blocks.iter().rposition(|block| block["type"] == "tool_result");
        if last_result
            .is_some_and(|last| blocks[..last].iter().any(|it| it["type"] != "tool_result"))
        {
            return Err(format!("messages.{at}: `tool_result` blocks must come first"));
        }
        for (place, block) in blocks.iter().enumerate() {
            let place = format!("messages.{at}.content.{place}");
            match text(block, "type") {
                "thinking" if !block["signature"].is_string() => {
                    return Err(format!("{place}.thinking.signature: Field required"));
                }
                "thinking" if text(block, "signature") != sign(text(block, "thinking")) => {
                    return Err(format!("{place}: Invalid `signature` in `thinking` block"));
                }
                "redacted_thinking" if !is_sealed(text(block, "data")) => {
                    return Err(format!("{place}: Invalid `data` in `redacted_thinking` block"));
                }
                _ => {}
            }
        }
        let first = blocks.first().map_or("", |block| text(block, "type"));
        let in_loop = blocks.iter().any(|block| block["type"] == "tool_use");
        if thinks && in_loop && !first.ends_with("thinking") {
            return Err(format!(
                "messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When \
                 `thinking` is enabled, a final `assistant` message must start with a thinking block."
            ));
        }
    }
    Ok(())
}

/// Checks the input of OpenAI's Responses API.
pub(crate) fn input(request: &Value) -> Checked {
    let items = items(&request["input"]);
    let mut open: Vec<&str> = Vec::new();
    // The last reasoning, and whether nothing followed it.
    let (mut reasoning, mut alone): (Option<&str>, Option<&str>) = (None, None);
    for item in items {
        let kind = text(item, "type");
        let id = text(item, "id");
        match kind {
            "reasoning" => {
                if request["store"] == false && !item["encrypted_content"].is_string() {
                    return Err(format!(
                        "Item with id '{id}' not found. Items are not persisted when `store` is set to false."
                    ));
                }
                if item["encrypted_content"].as_str().is_some_and(|sealed| !is_sealed(sealed)) {
                    return Err("The encrypted content could not be verified.".to_owned());
                }
            }
            "function_call" => {
                let number = id.strip_prefix("fc_").unwrap_or_default();
                let needed = format!("rs_{number}");
                if number.starts_with('9') && reasoning != Some(needed.as_str()) {
                    return Err(format!(
                        "Item '{id}' of type 'function_call' was provided without its required 'reasoning' item: \
                         '{needed}'."
                    ));
                }
                open.push(text(item, "call_id"));
            }
            "function_call_output" => {
                let id = text(item, "call_id");
                let Some(at) = open.iter().position(|open| *open == id) else {
                    return Err(format!(
                        "No tool call found for function call output with call_id {id}."
                    ));
                };
                open.remove(at);
            }
            _ => {}
        }
        let follows = matches!(kind, "function_call" | "reasoning") || item["role"] == "assistant";
        if let Some(before) = alone.filter(|_| !follows) {
            return Err(format!(
                "Item '{before}' of type 'reasoning' was provided without its required following item."
            ));
        }
        alone = (kind == "reasoning").then_some(id);
        if kind == "reasoning" {
            reasoning = Some(id);
        }
    }
    match open.first() {
        Some(id) => Err(format!("No tool output found for function call {id}.")),
        None => Ok(()),
    }
}

/// Checks the messages of Chat Completions. A model that `reasons` wants its reasoning back beside tool calls, as
/// DeepSeek's do.
pub(crate) fn chat(request: &Value, reasons: bool) -> Checked {
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in items(&request["messages"]).iter().enumerate() {
        let role = text(message, "role");
        if role == "tool" {
            let id = text(message, "tool_call_id");
            let Some(known) = open.iter().position(|open| *open == id) else {
                return Err("Messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
                    .to_owned());
            };
            open.remove(known);
        } else if !open.is_empty() {
            return Err(format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
                 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
                open.join(", ")
            ));
        }
        let calls = items(&message["tool_calls"]);
        open.extend(calls.iter().map(|call| text(call, "id")));
        if reasons && !calls.is_empty() && text(message, "reasoning_content").is_empty() {
            return Err(format!(
                "Missing `reasoning_content` field in the assistant message at message index {at}"
            ));
        }
    }
    match open.is_empty() {
        true => Ok(()),
        false => {
            Err("An assistant message with 'tool_calls' must be followed by tool messages"
                .to_owned())
        }
    }
}
