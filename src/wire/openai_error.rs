use http::StatusCode;
use serde_json::json;

/// The body of an error answer in OpenAI's shape; the type goes by the status, after "Error codes" in
/// OpenAI's documentation.
pub(in crate::wire) fn body(status: StatusCode, message: &str) -> Vec<u8> {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    };
    let error = json!({"message": message, "type": kind, "param": null, "code": null});
    json!({ "error": error }).to_string().into_bytes()
}
