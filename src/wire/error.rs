//! Errors that providers report. One reader handles the shapes of all of them, since gateways mix them.

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

use super::{SseDecoder, error_body, error_text, framed::Framed, json, retry_after};
use crate::event::{ProviderError, prefix};

/// The most bytes of a message that are kept.
const MESSAGE_LIMIT: usize = 4096;

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
    read(data, || "error without a message".to_owned())
}

/// Reads a response of status 200 that is neither an answer nor an error that the API documents.
pub(in crate::wire) fn unexpected(body: &str) -> ProviderError {
    read(body, || "the response is not an answer of this API".to_owned())
}

fn read(body: &str, fallback: impl FnOnce() -> String) -> ProviderError {
    let body = body.trim_start_matches('\u{FEFF}').trim();
    let value = json::value(body).or_else(|| of_event(body));
    let error = match &value {
        Some(value @ (Value::Object(_) | Value::Array(_))) => of_value(value),
        Some(Value::String(text)) => Parts { message: Some(text.clone()), ..Parts::default() },
        _ => Parts { message: error_text::message(body), ..Parts::default() },
    };
    let message = error.message.unwrap_or_else(fallback);
    let mut provider = ProviderError::new(prefix(&message, MESSAGE_LIMIT));
    provider.code = error.code.map(|code| prefix(&code, MESSAGE_LIMIT).into());
    provider.request_id = error.request_id;
    provider.retry_after = value.as_ref().and_then(retry_after::of_body);
    provider
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

/// What an error says.
#[derive(Debug, Default)]
struct Parts {
    message: Option<String>,
    code: Option<String>,
    request_id: Option<Arc<str>>,
}

fn of_value(body: &Value) -> Parts {
    let body = body.get(0).unwrap_or(body);
    let request_ids = [&body["request_id"], &body["error"]["request_id"], &body["requestId"]];
    let request_id = request_ids.into_iter().find_map(Value::as_str);
    Parts {
        message: error_body::message(body),
        code: error_body::code(body),
        request_id: request_id.filter(|id| !id.is_empty()).map(Arc::from),
    }
}
