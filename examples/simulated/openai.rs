//! What OpenAI's formats have in common.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::model::Answer;

/// When all answers were made.
pub(crate) const CREATED: u64 = 1_700_000_000;

/// Reads a request, and its model; or says what is wrong with it.
pub(crate) fn request(body: &[u8]) -> Result<(Value, String), &'static str> {
    let request = serde_json::from_slice::<Value>(body)
        .map_err(|_| "We could not parse the JSON body of your request.")?;
    let model = request["model"].as_str().ok_or("you must provide a model parameter")?.to_owned();
    Ok((request, model))
}

/// An error answer.
pub(crate) fn refused(status: StatusCode, message: &str) -> Response {
    (status, Json(error(status, message))).into_response()
}

/// An error's body, in an answer or in a stream.
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

/// The usage of chat and legacy completions, of a number of choices.
pub(crate) fn usage(answer: &Answer, choices: u64) -> Value {
    let output = answer.output_tokens() * choices;
    json!({
        "prompt_tokens": answer.input_tokens, "completion_tokens": output,
        "total_tokens": answer.input_tokens + output,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

/// How many choices are asked for.
pub(crate) fn choices(request: &Value) -> u64 {
    request["n"].as_u64().unwrap_or(1).clamp(1, 128)
}
