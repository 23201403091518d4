use serde_json::{Map, Value};

use super::without_secrets;

const REDACTED: &str = "[redacted]";

/// Parts of names whose texts are secrets: `authorization_token` of an MCP server, for one.
const SECRET: [&str; 10] = [
    "authorization",
    "token",
    "secret",
    "password",
    "credential",
    "cookie",
    "signature",
    "api_key",
    "apikey",
    "api-key",
];

/// Covers secrets in the members of a request that are its parameters: texts under telling names,
/// everything under `headers`, and the query and user of URLs.
pub(crate) fn members(params: &mut Map<String, Value>) {
    for (name, value) in params {
        *value = cover(name, value);
    }
}

/// The same for a copy.
pub(crate) fn redacted(params: &Map<String, Value>) -> Map<String, Value> {
    let mut params = params.clone();
    members(&mut params);
    params
}

/// Covers secrets in a prompt.
pub(crate) fn prompt(messages: &mut Value) {
    *messages = cover("", messages);
}

fn cover(name: &str, value: &Value) -> Value {
    match value {
        _ if name.eq_ignore_ascii_case("headers") => cover_all(value),
        Value::String(_) if is_secret(name) => REDACTED.into(),
        Value::String(text) => without_secrets(text).unwrap_or_else(|| text.clone()).into(),
        Value::Array(values) => values.iter().map(|value| cover(name, value)).collect(),
        Value::Object(values) => {
            Value::Object(values.iter().map(|(n, v)| (n.clone(), cover(n, v))).collect())
        }
        other => other.clone(),
    }
}

/// Headers: an object, a list of pairs, or a text.
fn cover_all(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(cover_all).collect(),
        Value::Object(values) => {
            values.keys().map(|name| (name.clone(), Value::from(REDACTED))).collect()
        }
        Value::Null => Value::Null,
        _ => REDACTED.into(),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_covered_and_the_rest_is_as_sent() {
        let Value::Object(params) = json!({
            "mcp_servers": [{
                "name": "files", "authorization_token": "CANARY",
                "url": "https://me:CANARY@mcp.example/sse?key=CANARY#CANARY",
                "headers": {"X-Anything": "CANARY"},
            }],
            "tools": [{"authorization": "CANARY", "schema": {"token": {"type": "string"}}}],
            "keys": {"api_keys": ["CANARY"]},
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "note": "see https://example.com/a",
        }) else {
            unreachable!()
        };
        let mut covered = params.clone();
        members(&mut covered);
        let covered = Value::Object(covered);
        assert!(!covered.to_string().contains("CANARY"), "{covered}");
        assert_eq!(covered["mcp_servers"][0]["url"], "https://mcp.example/sse?[redacted]");
        assert_eq!(covered["thinking"], params["thinking"]);
        assert_eq!(covered["note"], params["note"]);
        assert_eq!(covered["tools"][0]["schema"], params["tools"][0]["schema"]);
    }
}
