//! Common parts of OpenAI's formats.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::model::Reply;

/// The creation time of all replies.
pub(crate) const CREATED: u64 = 1_700_000_000;

/// Parses a request and its model. Returns a message if the request is invalid.
pub(crate) fn request(body: &[u8]) -> Result<(Value, String), &'static str> {
    let request = serde_json::from_slice::<Value>(body)
        .map_err(|_| "We could not parse the JSON body of your request.")?;
    let model = request["model"].as_str().ok_or("you must provide a model parameter")?.to_owned();
    Ok((request, model))
}

/// Returns an error response.
pub(crate) fn error_response(status: StatusCode, message: &str) -> Response {
    (status, Json(error(status, message))).into_response()
}

/// Returns the body of an error, in a response or in a stream.
pub(crate) fn error(status: StatusCode, message: &str) -> Value {
    let (kind, code) = match status.as_u16() {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        500.. => ("server_error", None),
        _ => ("invalid_request_error", None),
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// Returns the usage of chat and legacy completions, for a number of choices.
pub(crate) fn usage(reply: &Reply, choices: u64) -> Value {
    let output = reply.output_tokens() * choices;
    json!({
        "prompt_tokens": reply.input_tokens, "completion_tokens": output,
        "total_tokens": reply.input_tokens + output,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

/// Returns the requested number of choices.
pub(crate) fn choices(request: &Value) -> u64 {
    request["n"].as_u64().unwrap_or(1).clamp(1, 128)
}
