use serde_json::Value;

use crate::wire::request::{Members, items, message};

pub(super) fn of_chat(members: &Members) -> Vec<Value> {
    items(members.value("messages"))
}

/// What `generate` is asked, as messages.
pub(super) fn of_generate(members: &Members) -> Vec<Value> {
    let system = members.value("system").map(|system| message("system", system));
    let mut user = message("user", members.value("prompt").unwrap_or_else(|| "".into()));
    for name in ["suffix", "images"] {
        if let Some(value) = members.value(name) {
            user[name] = value;
        }
    }
    system.into_iter().chain([user]).collect()
}
