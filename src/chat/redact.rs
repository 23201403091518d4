use serde_json::{Map, Value};

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

/// The parameters with secrets covered: texts under telling names, everything under `headers`, and
/// the query and user of URLs.
pub(super) fn redacted(params: &Map<String, Value>) -> Map<String, Value> {
    params.iter().map(|(name, value)| (name.clone(), cover(name, value))).collect()
}

fn cover(name: &str, value: &Value) -> Value {
    match value {
        _ if name.eq_ignore_ascii_case("headers") => cover_all(value),
        Value::String(_) if is_secret(name) => REDACTED.into(),
        Value::String(text) => url(text).unwrap_or_else(|| text.clone()).into(),
        Value::Array(values) => values.iter().map(|value| cover(name, value)).collect(),
        Value::Object(values) => Value::Object(redacted(values)),
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

/// A URL without what may be secret in it; none where the text is not such a URL.
fn url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    if !matches!(scheme, "http" | "https" | "ws" | "wss") {
        return None;
    }
    let (rest, query) = match rest.split_once(['?', '#']) {
        Some((rest, _)) => (rest, "?[redacted]"),
        None => (rest, ""),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(format!("{scheme}://{host}{path}{query}"))
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
        let covered = Value::Object(redacted(&params));
        assert!(!covered.to_string().contains("CANARY"), "{covered}");
        assert_eq!(covered["mcp_servers"][0]["url"], "https://mcp.example/sse?[redacted]");
        assert_eq!(covered["thinking"], params["thinking"]);
        assert_eq!(covered["note"], params["note"]);
        assert_eq!(covered["tools"][0]["schema"], params["tools"][0]["schema"]);
    }
}
