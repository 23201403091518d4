//! The items of a request's `input`: the conversation, and the tools that travel in it.

use serde_json::{Map, Value};

use crate::{
    redact,
    wire::request::{Members, items, message},
};

/// Members of items that are part of a conversation: messages, calls, their outputs, reasoning, references. An item that has
/// none of them configures the call.
const OF_CONVERSATION: [&str; 17] = [
    "content",
    "text",
    "call_id",
    "arguments",
    "output",
    "outputs",
    "input",
    "result",
    "results",
    "summary",
    "encrypted_content",
    "action",
    "operation",
    "code",
    "queries",
    "approve",
    "approval_request_id",
];

/// The ends of the types of such items, which may have nothing but a type.
const KINDS: [&str; 6] = ["_call", "_output", "_request", "_response", "reasoning", "_reference"];

/// Returns the conversation in an `input`, without the items that are none of it.
pub(super) fn conversation(members: &Members) -> Vec<Value> {
    match members.value("input") {
        Some(Value::String(text)) => vec![message("user", text)],
        input => items(input).into_iter().filter(is_of_conversation).collect(),
    }
}

/// Adds the tools that travel as items of `input` to the parameters. So do those of Codex, in `additional_tools`.
pub(super) fn add_tools(members: &Members, params: &mut Map<String, Value>) {
    // A long conversation is parsed here only if it may have such items.
    if !members.contains("input", r#""tools""#) {
        return;
    }
    let mut found = Vec::new();
    for mut item in items(members.value("input")) {
        if !is_of_conversation(&item)
            && let Some(Value::Array(tools)) = item.get_mut("tools").map(Value::take)
        {
            found.extend(tools);
        }
    }
    if found.is_empty() {
        return;
    }
    let mut found = Map::from_iter([("tools".to_owned(), Value::Array(found))]);
    redact::members(&mut found);
    match (params.get_mut("tools"), found.remove("tools")) {
        (Some(Value::Array(tools)), Some(Value::Array(found))) => tools.extend(found),
        (_, found) => params.extend(found.map(|found| ("tools".to_owned(), found))),
    }
}

fn is_of_conversation(item: &Value) -> bool {
    let Value::Object(item) = item else { return true };
    let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
    KINDS.iter().any(|end| kind.ends_with(end))
        || OF_CONVERSATION.iter().any(|name| item.contains_key(*name))
        // A bare reference to an earlier item.
        || (item.len() == 1 && item.contains_key("id"))
}
