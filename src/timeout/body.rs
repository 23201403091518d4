use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::BoxError;

use super::limits::Timer;
use crate::http_layer::into_bytes;

pin_project! {
    /// The body of a response of a [`BodyTimeout`](super::BodyTimeout): the frames of the inner body.
    pub struct TimeoutBody<B> {
        // `None` after it broke off.
        #[pin]
        inner: Option<B>,
        timer: Option<Timer>,
        // Instead of an inner body.
        own: Option<Bytes>,
    }
}

impl<B> TimeoutBody<B> {
    pub(super) fn new(inner: B, timer: Timer) -> Self {
        Self { inner: Some(inner), timer: Some(timer), own: None }
    }

    /// The body of a response in the place of one that did not come.
    pub(super) fn own(text: String) -> Self {
        Self { inner: None, timer: None, own: Some(text.into()) }
    }
}

impl<B> Body for TimeoutBody<B>
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
        let mut this = self.project();
        if let Some(text) = this.own.take() {
            return Poll::Ready(Some(Ok(Frame::data(text))));
        }
        let (Some(inner), Some(timer)) = (this.inner.as_mut().as_pin_mut(), &mut this.timer) else {
            return Poll::Ready(None);
        };
        match inner.poll_frame(cx) {
            Poll::Ready(frame) => {
                timer.item();
                Poll::Ready(frame.map(|frame| frame.map(into_bytes).map_err(Into::into)))
            }
            Poll::Pending => timer.poll(cx).map(|timed_out| {
                this.inner.set(None);
                Some(Err(timed_out.into()))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.own.is_none() && self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.own, &self.inner) {
            (Some(own), _) => SizeHint::with_exact(own.len() as u64),
            (None, Some(inner)) => inner.size_hint(),
            (None, None) => SizeHint::with_exact(0),
        }
    }
}

impl<B> fmt::Debug for TimeoutBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutBody").finish_non_exhaustive()
    }
}
