use std::{
    error::Error,
    iter,
    sync::{Arc, OnceLock},
};

use axum::{body::Body, http::StatusCode};
use http_body_util::{BodyExt, LengthLimitError};
use tower_http::timeout::TimeoutError;

use crate::body_limits::TooSlow;

/// Notes how the body of a request fails: what the upstream's client reports then is only that the request was not sent.
#[derive(Clone, Default)]
pub(crate) struct Upload(Arc<OnceLock<StatusCode>>);

impl Upload {
    /// Returns the same body, whose failure is noted.
    pub(crate) fn watch(&self, body: Body) -> Body {
        let upload = self.clone();
        Body::new(body.map_err(move |error| {
            upload.0.get_or_init(|| status(&error));
            error
        }))
    }

    /// Returns the status of the response if the body has failed.
    pub(crate) fn failure(&self) -> Option<StatusCode> {
        self.0.get().copied()
    }
}

/// Returns the status of the response to a request whose body has failed.
pub(crate) fn status(error: &(dyn Error + 'static)) -> StatusCode {
    for cause in iter::successors(Some(error), |&cause| cause.source()) {
        if cause.is::<TimeoutError>() || cause.is::<TooSlow>() {
            return StatusCode::REQUEST_TIMEOUT;
        }
        if cause.is::<LengthLimitError>() {
            return StatusCode::PAYLOAD_TOO_LARGE;
        }
    }
    // A client that has gone does not get it.
    StatusCode::BAD_REQUEST
}
