//! Error responses. One reader handles the shapes of all providers, since gateways mix them.

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

use super::json;
use crate::event::ProviderError;

/// Reads the body of an HTTP error response: the documented envelopes of Anthropic, OpenAI, Google and
/// Ollama, an envelope in an array, a flat `code` and `message`, a `detail`, an `error` that is a string.
///
/// A body of another shape may hold anything and is never quoted; the message is then the status.
pub(in crate::wire) fn of_response(status: StatusCode, body: &[u8]) -> ProviderError {
    let body = json::value(String::from_utf8_lossy(body).trim_start_matches('\u{FEFF}'));
    let fallback = || format!("HTTP status {}", status.as_u16());
    envelope(&body.unwrap_or_default(), fallback).status(status.as_u16())
}

/// Reads an error that was reported inside a response of status 200.
pub(in crate::wire) fn in_band(json: &str) -> ProviderError {
    envelope(&json::value(json).unwrap_or_default(), || "error without a message".to_owned())
}

fn envelope(body: &Value, fallback: impl FnOnce() -> String) -> ProviderError {
    let body = body.get(0).unwrap_or(body);
    let inner = &body["error"];
    // Flat envelopes have their members at the top level.
    let error = if inner.is_object() { inner } else { body };
    let message = [&error["message"], inner, &error["detail"], &body["message"], &body["detail"]]
        .into_iter()
        .find_map(filled);
    // The most specific member wins: OpenAI's `code` (its `type` is broad), Google's `status` (its `code` is
    // a number). Elsewhere a `type` is more specific than a numeric `code`.
    let code = filled(&error["code"]).filter(|code| code.parse::<u64>().is_err());
    let code = code.or_else(|| filled(&error["status"]).filter(|status| is_canonical(status)));
    let code = code.map(Arc::from).or_else(|| {
        [&error["type"], &error["code"], &body["code"]]
            .into_iter()
            // `error` is the type of the envelope itself.
            .filter(|code| *code != "error")
            .find_map(|code| match code {
                Value::Number(code) => Some(code.to_string().into()),
                code => filled(code).map(Arc::from),
            })
    });
    let mut error = match message {
        Some(message) => ProviderError::new(message),
        None => ProviderError::new(fallback()),
    };
    error.code = code;
    error.request_id =
        [&body["request_id"], &inner["request_id"]].into_iter().find_map(filled).map(Arc::from);
    error
}

/// Whether a status is a canonical code of Google's APIs, such as `NOT_FOUND`.
fn is_canonical(status: &str) -> bool {
    status.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

fn filled(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}
