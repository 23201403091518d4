//! Errors that providers report. One reader handles the shapes of all of them, since gateways mix them.

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

use super::{SseDecoder, error_body, error_text, framed::Framed, json, retry_after};
use crate::event::{ProviderError, prefix};

/// The most bytes of a message that are kept.
const MESSAGE_LIMIT: usize = 4096;
const NO_MESSAGE: &str = "error without a message";

/// Reads the body of an HTTP error response: the documented envelopes of all providers, also as an event of a
/// stream, or the text of a proxy.
///
/// JSON of an unknown shape may hold anything and is never quoted; the message is then the status.
pub(in crate::wire) fn of_response(status: StatusCode, body: &[u8]) -> ProviderError {
    let body = String::from_utf8_lossy(body);
    let mut error = read(&body, || format!("HTTP status {}", status.as_u16()));
    error.status = Some(status.as_u16());
    error
}

/// Reads an error that was reported inside a response of status 200.
pub(in crate::wire) fn in_band(data: &str) -> ProviderError {
    read(data, || NO_MESSAGE.to_owned())
}

/// Returns the error if a JSON text says that the call failed. See [`says_failed`](error_body::says_failed).
pub(in crate::wire) fn said(json: &str, answered: bool) -> Option<ProviderError> {
    let value = json::value(json)?;
    let failed = error_body::says_failed(&value, answered);
    failed.then(|| of_value(&value, || NO_MESSAGE.to_owned()))
}

/// Reads a response of status 200 that is neither an answer nor an error that the API documents. The message and the code of
/// a success, such as one that wraps an answer, are not quoted.
pub(in crate::wire) fn unexpected(body: &str) -> ProviderError {
    const UNEXPECTED: &str = "the response is not an answer of this API";
    match json::value(body) {
        Some(value) if value.is_object() && !error_body::says_failed(&value, false) => {
            with_message(UNEXPECTED)
        }
        _ => read(body, || UNEXPECTED.to_owned()),
    }
}

fn read(body: &str, fallback: impl FnOnce() -> String) -> ProviderError {
    let body = body.trim_start_matches('\u{FEFF}').trim();
    match json::value(body).or_else(|| of_event(body)) {
        Some(value @ (Value::Object(_) | Value::Array(_))) => of_value(&value, fallback),
        Some(Value::String(text)) if !text.trim().is_empty() => with_message(&text),
        _ => with_message(&error_text::message(body).unwrap_or_else(fallback)),
    }
}

fn of_value(body: &Value, fallback: impl FnOnce() -> String) -> ProviderError {
    let retry_after = retry_after::of_body(body);
    let body = body.get(0).unwrap_or(body);
    let mut error = with_message(&error_body::message(body).unwrap_or_else(fallback));
    error.code = error_body::code(body).map(|code| prefix(&code, MESSAGE_LIMIT).into());
    let request_ids = [&body["request_id"], &body["error"]["request_id"], &body["requestId"]];
    let request_id = request_ids.into_iter().find_map(Value::as_str);
    error.request_id = request_id.filter(|id| !id.is_empty()).map(Arc::from);
    error.retry_after = retry_after;
    error
}

fn with_message(message: &str) -> ProviderError {
    ProviderError::new(prefix(message, MESSAGE_LIMIT))
}

/// Reads the first event of an error response that is an event stream.
fn of_event(body: &str) -> Option<Value> {
    let mut found = None;
    let mut stream = SseDecoder::with_texts(body.len(), false);
    let mut each = |framed: Framed<'_>| {
        if let (None, Framed::Event(event)) = (&found, framed) {
            found = json::value(event.data).filter(Value::is_object);
            if found.is_none() && event.event == Some("error") {
                found = Some(event.data.into());
            }
        }
    };
    stream.read(body.as_bytes(), &mut each);
    stream.end(&mut each);
    found
}
