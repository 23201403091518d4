use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Error as BodyError,
    body::{Body, Bytes},
    extract::Request,
    http::header,
};
use http_body_util::Limited;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::config::LimitsSettings;

/// The limits of requests' bodies.
pub(crate) struct BodyLimits {
    bytes: Option<usize>,
    time: Option<Duration>,
}

impl BodyLimits {
    pub(crate) fn new(settings: &LimitsSettings) -> Self {
        Self {
            bytes: settings.request_body.map(|bytes| bytes.as_usize()),
            time: settings.upload_time.map(|time| time.0),
        }
    }

    /// Limits the body of a request. The error is a request that says that its body is larger.
    pub(crate) fn apply(&self, mut request: Request) -> Result<Request, Box<Request>> {
        if let Some(bytes) = self.bytes {
            let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
            // Else the length is not that of the body.
            let length = request.headers().get(header::CONTENT_LENGTH).filter(|_| !is_chunked);
            let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
            if length.is_some_and(|length| length > bytes) {
                return Err(Box::new(request));
            }
            request = request.map(|body| Body::new(Limited::new(body, bytes)));
        }
        if let Some(time) = self.time
            && !request.body().is_end_stream()
        {
            let until = Box::pin(sleep(time));
            request = request.map(|body| Body::new(Timed { body, until }));
        }
        Ok(request)
    }
}

/// The error of a body that did not arrive in time.
#[derive(Debug)]
pub(crate) struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of the request did not arrive in time")
    }
}

impl Error for TooSlow {}

struct Timed {
    body: Body,
    until: Pin<Box<Sleep>>,
}

impl hyper::body::Body for Timed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let poll = Pin::new(&mut self.body).poll_frame(cx);
        if poll.is_pending() && self.until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(BodyError::new(TooSlow))));
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
