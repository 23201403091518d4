use std::error::Error;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper_util::client::legacy;
use serde_json::json;
use tower_llm_callbacks::http_layer::TransportFailure;

use crate::upstream::Upstream;

/// Returns the response for a call without a response from the upstream. It contains no path and no headers, since they
/// may contain keys.
pub(crate) fn no_response(upstream: &Upstream, error: &legacy::Error) -> Response {
    let cause = cause(error);
    let advice = if error.is_connect() {
        "Check that the upstream is running and reachable, and that --upstream, or its `url` in the configuration, is correct."
    } else {
        "The upstream may have received the request, which was not sent again: retry if that is safe."
    };
    bad_gateway(&format!("No response from {upstream}: {cause}. {advice}"))
}

/// Returns the response to a request whose body did not arrive, with its status. That is not the upstream's failure.
pub(crate) fn no_request(status: StatusCode) -> Response {
    let message = match status {
        StatusCode::REQUEST_TIMEOUT => "The request did not arrive in time.",
        StatusCode::PAYLOAD_TOO_LARGE => {
            count_refusal("body");
            "The body of the request is larger than this gateway accepts."
        }
        _ => "The body of the request is malformed or incomplete.",
    };
    error(status, "invalid_request_error", message)
}

/// Returns the response to a request whose body cannot be kept until its model is known.
pub(crate) fn no_room() -> Response {
    count_refusal("room");
    let message = "This gateway reads as many bodies of requests as it may keep (`limits.kept_bytes`): retry later.";
    let mut response = failed(StatusCode::SERVICE_UNAVAILABLE, "overloaded_error", message);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Returns the response to a request that no upstream takes.
pub(crate) fn no_upstream() -> Response {
    count_refusal("upstream");
    let message = "This gateway has no upstream for this path and model.";
    failed(StatusCode::NOT_FOUND, "invalid_request_error", message)
}

/// Returns the response to a request that cannot be forwarded.
pub(crate) fn bad_gateway(message: &str) -> Response {
    failed(StatusCode::BAD_GATEWAY, "upstream_error", message)
}

fn failed(status: StatusCode, kind: &str, message: &str) -> Response {
    let mut response = error(status, kind, message);
    // Without this, the run would report a response of the provider.
    response.extensions_mut().insert(TransportFailure::new(message));
    response
}

/// Returns an error of the gateway's own, which clients of all usual APIs can read.
pub(crate) fn error(status: StatusCode, kind: &str, message: &str) -> Response {
    let error = json!({"type": "error", "error": {"message": message, "type": kind}});
    (status, Json(error)).into_response()
}

/// Counts a request that is refused.
pub(crate) fn count_refusal(reason: &'static str) {
    metrics::counter!("gateway_refused_requests_total", "reason" => reason).increment(1);
}

/// Returns the innermost error: the outer ones only state where it occurred.
fn cause(error: &legacy::Error) -> &(dyn Error + 'static) {
    let mut inner: &(dyn Error + 'static) = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner
}
