use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use http_body::{Body, Frame, SizeHint};

use super::{
    leaving::Leaving,
    length::Length,
    unread::{Rest, rest_of_body},
};

/// The body of a response of a [`Drain`](super::Drain): the frames of the inner body, unchanged.
///
/// Dropped before its end, it hands the inner body to a task, which reads it to its end.
pub struct DrainBody<B> {
    /// Pinned, because a body that was polled cannot be moved into a task otherwise. `None` only in a drop.
    inner: Option<Pin<Box<B>>>,
    length: Length,
    /// `None` at the end.
    leaving: Option<Leaving>,
    /// If this is set in a drop, the inner one panicked.
    polling: bool,
    /// A function, so that the type has no bounds.
    rest: fn(Pin<Box<B>>, Length) -> Rest,
}

impl<B: Body + Send + 'static> DrainBody<B> {
    pub(super) fn wrap(response: Response<B>, leaving: Leaving) -> Response<Self> {
        let length = Length::of(&response);
        response.map(|body| Self {
            inner: Some(Box::pin(body)),
            length,
            leaving: Some(leaving),
            polling: false,
            rest: rest_of_body,
        })
    }
}

impl<B> Drop for DrainBody<B> {
    fn drop(&mut self) {
        if !self.polling
            && let (Some(leaving), Some(inner)) = (self.leaving.take(), self.inner.take())
            && let Some(rest) = (self.rest)(inner, self.length)
        {
            leaving.drain(rest);
        }
    }
}

impl<B: Body> Body for DrainBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let Self { inner: Some(inner), length, leaving, polling, .. } = &mut *self else {
            return Poll::Ready(None);
        };
        *polling = true;
        let poll = inner.as_mut().poll_frame(cx);
        *polling = false;
        if let Poll::Ready(frame) = &poll {
            match frame {
                Some(Ok(frame)) => match frame.data_ref() {
                    Some(data) => length.read(data),
                    // Nothing follows trailers.
                    None => *leaving = None,
                },
                Some(Err(_)) | None => *leaving = None,
            }
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(|inner| inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), |inner| inner.size_hint())
    }
}

impl<B> fmt::Debug for DrainBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainBody").field("ended", &self.leaving.is_none()).finish_non_exhaustive()
    }
}
