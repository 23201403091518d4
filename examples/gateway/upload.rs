use std::{
    error::Error,
    iter,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use axum::{
    Error as BodyError,
    body::{Body, Bytes},
    http::StatusCode,
};
use http_body_util::LengthLimitError;
use hyper::body::{Frame, SizeHint};
use tower_http::timeout::TimeoutError;

use crate::body_limits::TooSlow;

/// Notes how the body of a request fails: what the upstream's client reports then is only that the request was not sent.
#[derive(Clone, Default)]
pub(crate) struct Upload(Arc<OnceLock<StatusCode>>);

impl Upload {
    /// Returns the same body, whose failure is noted.
    pub(crate) fn watch(&self, body: Body) -> Body {
        Body::new(Watched { body, upload: self.clone() })
    }

    /// Returns the status of the response if the body has failed.
    pub(crate) fn failure(&self) -> Option<StatusCode> {
        self.0.get().copied()
    }
}

fn status(error: &(dyn Error + 'static)) -> StatusCode {
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

struct Watched {
    body: Body,
    upload: Upload,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let poll = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Err(error))) = &poll {
            self.upload.0.get_or_init(|| status(error));
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
