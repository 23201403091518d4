use std::error::Error;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use hyper_util::client::legacy;
use serde_json::json;
use tower_llm_callbacks::http_layer::TransportFailure;

use crate::upstream::Upstream;

/// The answer where the upstream gave none. It names neither paths nor headers: keys are in them.
pub(crate) fn no_answer(upstream: &Upstream, error: &legacy::Error) -> Response {
    let cause = cause(error);
    let advice = if error.is_connect() {
        "Check that it is running and reachable from here, and that --upstream names it."
    } else {
        "The request may have reached it and was not sent again; try again if that is safe."
    };
    bad_gateway(&format!("No answer from {upstream}: {cause}. {advice}"))
}

/// The answer to a request that cannot be sent.
pub(crate) fn bad_gateway(message: &str) -> Response {
    let error = json!({"error": {"message": message, "type": "upstream_error"}});
    let mut response = (StatusCode::BAD_GATEWAY, Json(error)).into_response();
    // Else the run would say that the provider had answered so.
    response.extensions_mut().insert(TransportFailure::new(message));
    response
}

/// The innermost error: those around it say only where it came up.
fn cause(error: &legacy::Error) -> String {
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
