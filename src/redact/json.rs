use serde_json::{Map, Value};

use super::{
    file::{is_base64, placeholder},
    identity::{self, Identity, has_word},
    name::{is_authentication, is_data, is_headers, is_opaque, is_secret, is_url, is_verbatim},
    personal::{self, is_personal},
    place::{Place, Section},
    text::text as without_keys,
    url::{without_data, without_secrets},
};

const REDACTED: &str = "[redacted]";

/// Redacts the parameters of a request: strings whose name suggests a secret, everything under `headers`, what identifies a
/// person or a machine, inline files, and the query and user of URLs.
pub(crate) fn members(params: &mut Map<String, Value>) {
    cover_members("", params, Place::of(Section::Params));
}

/// Returns a redacted copy of parameters.
pub(crate) fn redacted(params: &Map<String, Value>) -> Map<String, Value> {
    let mut params = params.clone();
    members(&mut params);
    params
}

/// Redacts the secrets and inline files in a prompt. Its texts stay verbatim.
pub(crate) fn prompt(messages: &mut Value) {
    cover("", messages, Place::of(Section::Prompt));
}

/// Redacts the secrets in an output of a model. Its texts and files stay.
pub(crate) fn output(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(covered) = without_secrets(text) {
                *text = covered;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(output),
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if is_secret(name) => *text = REDACTED.to_owned(),
                    value => output(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn cover(name: &str, value: &mut Value, place: Place) {
    let place = place.at(name, value);
    match value {
        _ if is_headers(name) => cover_all(value),
        Value::String(text) => {
            if let Some(covered) = covered(name, text, place) {
                *text = covered;
            }
        }
        Value::Number(_) if place.is_personal => *value = REDACTED.into(),
        Value::Array(values) => values.iter_mut().for_each(|value| cover(name, value, place)),
        Value::Object(members) => cover_members(name, members, place),
        _ => {}
    }
}

fn cover_members(name: &str, members: &mut Map<String, Value>, place: Place) {
    if place.section == Section::Params && is_authentication(name) {
        for (name, value) in members {
            if name != "type" {
                cover_all(value);
            }
        }
        return;
    }
    // The source of a document may be plain text, which is content.
    let is = |kind| members.get("type").is_some_and(|found| found == kind);
    if (is_data(name) && !is("text")) || is("redacted_thinking") {
        for name in ["data", "bytes"] {
            if let Some(Value::String(text)) = members.get_mut(name) {
                *text = without_data(text).unwrap_or_else(|| placeholder(text));
            }
        }
    }
    members.iter_mut().for_each(|(name, value)| cover(name, value, place));
    if place.section == Section::Params && members.keys().any(|name| is_personal(name)) {
        cover_names(members);
    }
}

/// Covers names that identify a person, such as the directories of Codex's workspaces.
fn cover_names(members: &mut Map<String, Value>) {
    let mut covered = 0;
    let rename = |(name, value): (String, Value)| {
        if !is_personal(&name) {
            return (name, value);
        }
        covered += 1;
        (format!("{REDACTED} {covered}"), value)
    };
    *members = std::mem::take(members).into_iter().map(rename).collect();
}

/// Returns the replacement of a string; `None` if the string stays.
fn covered(name: &str, text: &str, place: Place) -> Option<String> {
    let in_params = place.section == Section::Params;
    match place.section {
        Section::Prompt | Section::Content if is_verbatim(name) => None,
        _ if is_secret(name) => Some(REDACTED.to_owned()),
        _ if is_opaque(name, text) => {
            let covered = without_data(text).or_else(|| without_secrets(text));
            covered.or_else(|| Some(placeholder(text)))
        }
        // Whatever its name.
        _ if in_params && is_base64(text) => Some(placeholder(text)),
        Section::Prompt | Section::Content if !is_url(name) => None,
        _ if in_params
            && !is_verbatim(name)
            && name != "description"
            && text.trim_start().starts_with(['{', '[']) =>
        {
            nested(name, text, place)
        }
        _ if in_params && place.is_personal && !text.is_empty() => Some(personal::covered(text)),
        _ if in_params && is_personal(text) => Some(REDACTED.to_owned()),
        // What identifies a session is kept, unless somebody took a key for it.
        _ if in_params && identity::of(name) == Identity::Session => {
            Some(without_keys(text)).filter(|covered| covered != text).map(Into::into)
        }
        _ => without_data(text).or_else(|| without_secrets(text)),
    }
}

/// Redacts a string that is itself a JSON text, such as Claude Code's `user_id` and Codex's `x-codex-turn-metadata`.
fn nested(name: &str, text: &str, place: Place) -> Option<String> {
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) => {
            let sent = value.clone();
            cover(name, &mut value, place);
            (value != sent).then(|| value.to_string())
        }
        // It may be cut off, and no name says what is in it.
        Err(_) if place.is_personal || has_word(name, "metadata") => Some(REDACTED.to_owned()),
        Err(_) => None,
    }
}

/// Redacts headers: an object, an array of pairs, or a string.
fn cover_all(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(cover_all),
        Value::Object(values) => values.values_mut().for_each(|value| *value = REDACTED.into()),
        Value::Null => {}
        _ => *value = REDACTED.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn params(params: Value) -> Value {
        let Value::Object(mut params) = params else { unreachable!() };
        members(&mut params);
        params.into()
    }

    fn covered(mut messages: Value) -> Value {
        prompt(&mut messages);
        messages
    }

    #[test]
    fn secrets_are_redacted_and_the_rest_is_unchanged() {
        let sent = json!({
            "mcp_servers": [{
                "name": "files", "authorization_token": "CANARY",
                "url": "https://me:CANARY@mcp.example/sse?key=CANARY#CANARY",
                "headers": {"X-Anything": "CANARY"},
            }],
            "tools": [
                {"authorization": "CANARY", "schema": {"token": {"type": "string"}}},
                {"type": "mcp", "headers": {"A": "CANARY", "B": ["CANARY"]}},
                {"headers": [["A", "CANARY"]]}, {"headers": "CANARY"}, {"headers": null},
            ],
            "keys": {"api_keys": ["CANARY"]},
            "metadata": {"user_id": "CANARY", "topic": "jokes", "docs": "https://h/?CANARY"},
            "user": "CANARY", "safety_identifier": "CANARY", "prompt_cache_key": "kept",
            "reference_image": "data:image/png;base64,CANARY",
            "include": ["reasoning.encrypted_content"],
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "max_tokens": 5, "stop": ["user", "https"],
            "note": "see https://example.com/a?b",
        });
        let covered = params(sent.clone());
        assert!(!covered.to_string().contains("CANARY"), "{covered}");
        assert_eq!(covered["mcp_servers"][0]["url"], "https://mcp.example/sse?[redacted]");
        assert_eq!(covered["tools"][0]["schema"], sent["tools"][0]["schema"]);
        assert_eq!(covered["metadata"]["topic"], "jokes");
        assert_eq!(covered["reference_image"], "data:image/png;base64,[redacted]");
        assert_eq!(covered["prompt_cache_key"], "kept");
        for name in ["thinking", "note", "max_tokens", "stop", "include"] {
            assert_eq!(covered[name], sent[name], "{name}");
        }
        // Not every object with properties is a schema.
        for properties in [json!({"user_id": "CANARY"}), json!({"user": {"email": "CANARY"}})] {
            let covered = params(json!({"metadata": {"properties": properties, "host": "CANARY"}}));
            assert!(!covered.to_string().contains("CANARY"), "{covered}");
        }
        // A schema names members, but has no values of them.
        let schema =
            json!({"schema": {"user": "x", "properties": {"user_id": {"type": "string"}}}});
        assert_eq!(params(schema.clone()), schema);
    }

    #[test]
    fn texts_of_prompts_are_verbatim() {
        let sent = json!([
            {"role": "user", "content": "https://me:pw@host/?key=x"},
            {"role": "system", "content": ["data:image/png;base64,aGk=", "Bearer sk-1"]},
            {"role": "user", "content": [{"type": "text", "text": "https://host/?key=x"}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "a://b?c"}],
             "tool_calls": [{"function": {"name": "f", "arguments": "{\"token\":\"x\"}"}}]},
            {"role": "user", "parts": [{"text": "https://host/?key=x"}]},
            {"content": [{"type": "document", "title": "https://h/?x",
                "source": {"type": "text", "media_type": "text/plain", "data": "plain"}}]},
            {"type": "function_call", "name": "f", "arguments": "https://host/?key=x"},
            {"user": "me", "quoted": "data:,x"},
        ]);
        assert_eq!(covered(sent.clone()), sent);
    }

    #[test]
    fn files_and_secrets_in_prompts_are_redacted() {
        let data = "CANARY".repeat(10);
        let uri = format!("data:image/png;base64,{data}");
        let url = "https://me:CANARY@host/a.png?sig=CANARY";
        let (file, image, link) = (
            "[redacted, 60 characters]",
            "data:image/png;base64,[redacted]",
            "https://host/a.png?[redacted]",
        );
        for (sent, expected) in [
            (
                json!({"source": {"type": "base64", "media_type": "image/png", "data": data}}),
                json!({"source": {"type": "base64", "media_type": "image/png", "data": file}}),
            ),
            (
                json!({"source": {"type": "url", "url": url}}),
                json!({"source": {"type": "url", "url": link}}),
            ),
            (json!({"source": url}), json!({"source": link})),
            (json!({"image_url": {"url": uri}}), json!({"image_url": {"url": image}})),
            (json!({"image_url": url}), json!({"image_url": link})),
            (json!({"file_url": url}), json!({"file_url": link})),
            (json!({"fileData": {"fileUri": url}}), json!({"fileData": {"fileUri": link}})),
            (json!({"inlineData": {"data": data}}), json!({"inlineData": {"data": file}})),
            (json!({"inline_data": {"data": data}}), json!({"inline_data": {"data": file}})),
            (json!({"file": {"file_data": uri}}), json!({"file": {"file_data": image}})),
            (json!({"file_data": data}), json!({"file_data": file})),
            (json!({"input_audio": {"data": data}}), json!({"input_audio": {"data": file}})),
            (json!({"images": [data, uri]}), json!({"images": [file, image]})),
            (json!({"inputImage": data}), json!({"inputImage": file})),
            (json!({"image": data.repeat(2)}), json!({"image": "[redacted, 120 characters]"})),
            (json!({"image": "registry/name:tag"}), json!({"image": "registry/name:tag"})),
            (json!({"signature": "CANARY"}), json!({"signature": "[redacted]"})),
            (json!({"thoughtSignature": "CANARY"}), json!({"thoughtSignature": "[redacted]"})),
            (json!({"encrypted_content": "CANARY"}), json!({"encrypted_content": "[redacted]"})),
            (json!({"authorization": "CANARY"}), json!({"authorization": "[redacted]"})),
        ] {
            let message = |part| json!([{"role": "user", "content": [part]}]);
            assert_eq!(covered(message(sent.clone())), message(expected), "{sent}");
        }
    }
}
