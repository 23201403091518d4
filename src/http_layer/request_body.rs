use std::{
    fmt, iter,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Full, LengthLimitError, Limited};
use pin_project_lite::pin_project;
use tower::BoxError;

use super::{
    capture::{Capture, into_bytes},
    upload::Upload,
};

pin_project! {
    /// The body of a request for the inner service: the frames of the original body.
    pub struct RequestBody<B: Body> {
        #[pin]
        inner: Inner<B>,
    }
}

pin_project! {
    #[project = InnerProj]
    enum Inner<B: Body> {
        Pass { #[pin] body: B },
        Captured { body: Captured<B> },
    }
}

struct Captured<B: Body> {
    capture: Capture<B>,
    /// Where an error is noted. `None` if all of the body has arrived.
    upload: Option<Upload>,
    /// The bytes that were yielded.
    yielded: u64,
    ended: bool,
}

impl<B: Body> RequestBody<B> {
    pub(super) fn unobserved(body: B) -> Self {
        Self { inner: Inner::Pass { body } }
    }

    /// Returns the whole body, if it has arrived.
    ///
    /// A client can send bytes again, for example after a redirect, but a stream only once. Bodies of unknown length,
    /// bodies with trailers, and bodies of which a part was read stay streams.
    ///
    /// ```
    /// use axum::body::Body;
    /// use tower_llm_callbacks::http_layer::RequestBody;
    ///
    /// fn body(body: RequestBody<Body>) -> Body {
    ///     body.try_into_bytes().map_or_else(Body::new, Body::from)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The body, if it has not arrived.
    pub fn try_into_bytes(self) -> Result<Bytes, Self> {
        if self.hint().exact().is_none() {
            return Err(self);
        }
        let body = match self.inner {
            Inner::Captured { body } => body,
            Inner::Pass { body } => {
                let mut capture = Capture::new(body, usize::MAX, None);
                // The consumer polls for the rest, with a waker.
                let _ = capture.poll(&mut Context::from_waker(Waker::noop()));
                Captured { capture, upload: None, yielded: 0, ended: false }
            }
        };
        let capture = &body.capture;
        let is_untouched = body.yielded == 0 && !body.ended;
        if is_untouched && capture.is_complete() && capture.frames.iter().all(Frame::is_data) {
            return Ok(capture.bytes());
        }
        Err(Self { inner: Inner::Captured { body } })
    }

    fn hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Pass { body } => body.size_hint(),
            Inner::Captured { body } => body.size_hint(),
        }
    }

    pub(super) fn captured(capture: Capture<B>, upload: Option<Upload>) -> Self {
        let body = Captured { capture, upload, yielded: 0, ended: false };
        Self { inner: Inner::Captured { body } }
    }
}

impl<B: Body> Captured<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let capture = &mut self.capture;
        let frame = if let Some(frame) = capture.frames.pop_front() {
            Some(Ok(frame))
        } else if let Some(error) = capture.error.take() {
            self.ended = true;
            Some(Err(error))
        } else if let Some(body) = &mut capture.rest {
            std::task::ready!(body.as_mut().poll_frame(cx)).map(|frame| frame.map(into_bytes))
        } else {
            None
        };
        match &frame {
            Some(Ok(frame)) => self.yielded += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => {}
            None => self.ended = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let capture = &self.capture;
        self.ended
            || (capture.frames.is_empty()
                && capture.error.is_none()
                && match &capture.rest {
                    Some(body) => body.is_end_stream(),
                    None => capture.ended_with_frame,
                })
    }

    /// The original hint, less what was yielded. A body of unknown length stays one, so that its framing on the wire
    /// is unchanged.
    fn size_hint(&self) -> SizeHint {
        let first = &self.capture.hint;
        let mut hint = SizeHint::new();
        hint.set_lower(first.lower().saturating_sub(self.yielded));
        if let Some(upper) = first.upper() {
            hint.set_upper(upper.saturating_sub(self.yielded));
        }
        hint
    }
}

/// The errors are those of the original body, boxed.
impl<B> Body for RequestBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let (frame, upload) = match self.project().inner.project() {
            InnerProj::Pass { body } => {
                (body.poll_frame(cx).map(|frame| frame.map(|frame| frame.map(into_bytes))), None)
            }
            InnerProj::Captured { body } => (body.poll_frame(cx), body.upload.as_ref()),
        };
        frame.map(|frame| {
            frame.map(|frame| {
                frame.map_err(|error| {
                    let error = unwrapped(error.into());
                    if let Some(upload) = upload {
                        upload.failed(&*error);
                    }
                    error
                })
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Pass { body } => body.is_end_stream(),
            Inner::Captured { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.hint()
    }
}

/// Returns the error of a length limit without what is around it; other errors as they are.
///
/// Frameworks answer with 413 if they find a [`LengthLimitError`], and look for it at a fixed depth. In an axum `Router`,
/// each layer that has a body type of its own adds to the depth.
fn unwrapped(error: BoxError) -> BoxError {
    let mut causes = iter::successors(error.source(), |cause| cause.source());
    if causes.any(|cause| cause.is::<LengthLimitError>()) {
        // It has no constructor.
        let mut limited = pin!(Limited::new(Full::new(Bytes::from_static(b"x")), 0));
        let poll = limited.as_mut().poll_frame(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(Some(Err(limit))) = poll {
            return limit;
        }
    }
    error
}

impl<B: Body> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}
