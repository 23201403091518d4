use http::StatusCode;
use serde_json::json;

/// The body of an error answer in OpenAI's shape, after "Error codes" in OpenAI's documentation and what
/// its servers answer.
pub(in crate::wire) fn body(status: StatusCode, message: &str) -> Vec<u8> {
    let (kind, code) = match status.as_u16() {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        429 => ("requests", Some("rate_limit_exceeded")),
        400..=499 => ("invalid_request_error", None),
        _ => ("server_error", None),
    };
    let error = json!({"message": message, "type": kind, "param": null, "code": code});
    json!({ "error": error }).to_string().into_bytes()
}
