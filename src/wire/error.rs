//! Error answers. The shapes of all providers are read alike, since gateways mix them up.

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

use super::json;
use crate::event::ProviderError;

/// Reads the body of an HTTP error answer: the documented envelopes of Anthropic, OpenAI, Google and
/// Ollama, one in an array, a flat `code` and `message`, a `detail`, an `error` that is a plain string.
///
/// Of a body that is none of them nothing is quoted, since it could be anything; the message then names
/// the status.
pub(in crate::wire) fn of_answer(status: StatusCode, body: &[u8]) -> ProviderError {
    let body = json::value(String::from_utf8_lossy(body).trim_start_matches('\u{FEFF}'));
    let fallback = || format!("HTTP status {}", status.as_u16());
    envelope(&body.unwrap_or_default(), fallback).status(status.as_u16())
}

/// Reads an error that came within an answer of status 200.
pub(in crate::wire) fn within_answer(json: &str) -> ProviderError {
    envelope(&json::value(json).unwrap_or_default(), || "error without a message".to_owned())
}

fn envelope(body: &Value, fallback: impl FnOnce() -> String) -> ProviderError {
    let body = body.get(0).unwrap_or(body);
    let inner = &body["error"];
    // Flat ones have all of it at the top.
    let about = if inner.is_object() { inner } else { body };
    let message = [&about["message"], inner, &about["detail"], &body["message"], &body["detail"]]
        .into_iter()
        .find_map(filled);
    // OpenAI's types are broad, its codes say it, and so does Google's word beside the number; the
    // numbers of others say less than their types.
    let code = filled(&about["code"]).filter(|code| code.parse::<u64>().is_err());
    let word = code.or_else(|| filled(&about["status"]).filter(|word| is_canonical(word)));
    let code = word.map(Arc::from).or_else(|| {
        [&about["type"], &about["code"], &body["code"]]
            .into_iter()
            // The type of the envelope itself.
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

/// Whether it is a word such as `NOT_FOUND`.
fn is_canonical(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

fn filled(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}
