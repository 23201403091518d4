use std::sync::Arc;

use serde_json::Value;

use crate::{event::ProviderError, wire::json};

/// Reads the body of an HTTP error answer.
///
/// Besides Anthropic's own envelope it knows those of the gateways that speak its protocol: a flat
/// `code` and `message`, a `detail`, an `error` that is a plain string. Of a body that is none of
/// them nothing is quoted, since it could be anything; the message then names the status. The
/// request's id is the one given (from the header `request-id`), else the body's.
///
/// ```
/// use tower_llm_callbacks::wire::anthropic;
///
/// let body = br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
/// let error = anthropic::error(529, Some("req_1"), body);
/// assert_eq!(&*error.message, "Overloaded");
/// assert_eq!(error.code.as_deref(), Some("overloaded_error"));
/// assert_eq!(error.status, Some(529));
/// assert_eq!(error.request_id.as_deref(), Some("req_1"));
/// assert_eq!(&*anthropic::error(502, None, b"<html>").message, "HTTP status 502");
/// ```
pub fn error(status: u16, request_id: Option<&str>, body: &[u8]) -> ProviderError {
    let body = json::value(String::from_utf8_lossy(body).trim_start_matches('\u{FEFF}'));
    let fallback = || format!("HTTP status {status}");
    let mut error = envelope(&body.unwrap_or_default(), fallback).status(status);
    if let Some(id) = request_id {
        error = error.request_id(id);
    }
    error
}

/// Reads an error that came within an answer of status 200.
pub(super) fn within_answer(json: &str) -> ProviderError {
    envelope(&json::value(json).unwrap_or_default(), || "error without a message".to_owned())
}

fn envelope(body: &Value, fallback: impl FnOnce() -> String) -> ProviderError {
    let inner = &body["error"];
    // Flat ones have all of it at the top.
    let about = if inner.is_object() { inner } else { body };
    let message = [&about["message"], inner, &about["detail"], &body["message"], &body["detail"]]
        .into_iter()
        .find_map(filled);
    let code = [&about["type"], &about["code"], &body["code"]]
        .into_iter()
        // The type of the envelope itself.
        .filter(|code| *code != "error")
        .find_map(|code| match code {
            Value::Number(code) => Some(code.to_string().into()),
            code => filled(code).map(Arc::from),
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

fn filled(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}
