use std::error::Error;

use axum::{
    Json,
    http::{StatusCode, header},
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
            "The body of the request is larger than this gateway accepts."
        }
        _ => "The body of the request is malformed or incomplete.",
    };
    refused(status, message)
}

/// Returns the response to a request whose body cannot be kept until its model is known.
pub(crate) fn no_room() -> Response {
    let message = "This gateway reads as many bodies of requests as it may keep (`limits.kept_bytes`): retry later.";
    let error = json!({"error": {"message": message, "type": "overloaded_error"}});
    let retry = [(header::RETRY_AFTER, "1")];
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, retry, Json(error)).into_response();
    response.extensions_mut().insert(TransportFailure::new(message));
    response
}

/// Returns the response to a request that no upstream takes.
pub(crate) fn no_upstream() -> Response {
    refused(StatusCode::NOT_FOUND, "This gateway has no upstream for this path and model.")
}

fn refused(status: StatusCode, message: &str) -> Response {
    let error = json!({"error": {"message": message, "type": "invalid_request_error"}});
    (status, Json(error)).into_response()
}

/// Returns the response to a request that cannot be forwarded.
pub(crate) fn bad_gateway(message: &str) -> Response {
    failed(StatusCode::BAD_GATEWAY, message)
}

fn failed(status: StatusCode, message: &str) -> Response {
    let error = json!({"error": {"message": message, "type": "upstream_error"}});
    let mut response = (status, Json(error)).into_response();
    // Without this, the run would report a response of the provider.
    response.extensions_mut().insert(TransportFailure::new(message));
    response
}

/// Returns the innermost error: the outer ones only state where it occurred.
fn cause(error: &legacy::Error) -> &(dyn Error + 'static) {
    let mut inner: &(dyn Error + 'static) = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner
}
