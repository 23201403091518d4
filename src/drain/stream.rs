use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::{FusedStream, Stream};

use super::{
    leaving::Leaving,
    unread::{Rest, rest_of_stream},
};

/// The response stream of a [`StreamDrain`](super::StreamDrain): the items of the inner stream, unchanged.
///
/// Dropped before its end, or before an error, it hands the inner stream to a task, which reads it to there.
#[must_use = "streams do nothing unless polled"]
pub struct DrainStream<St> {
    /// Pinned, because a stream that was polled cannot be moved into a task otherwise. `None` only in a drop.
    inner: Option<Pin<Box<St>>>,
    /// `None` at the end.
    leaving: Option<Leaving>,
    /// If this is set in a drop, the inner one panicked.
    polling: bool,
    /// A function, so that the type has no bounds.
    rest: fn(Pin<Box<St>>) -> Rest,
}

impl<St, T, E> DrainStream<St>
where
    St: Stream<Item = Result<T, E>> + Send + 'static,
{
    pub(super) fn wrap(inner: St, leaving: Leaving) -> Self {
        Self {
            inner: Some(Box::pin(inner)),
            leaving: Some(leaving),
            polling: false,
            rest: rest_of_stream,
        }
    }
}

impl<St> Drop for DrainStream<St> {
    fn drop(&mut self) {
        if !self.polling
            && let (Some(leaving), Some(inner)) = (self.leaving.take(), self.inner.take())
            && let Some(rest) = (self.rest)(inner)
        {
            leaving.drain(rest);
        }
    }
}

impl<St, T, E> Stream for DrainStream<St>
where
    St: Stream<Item = Result<T, E>>,
{
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { inner: Some(inner), leaving, polling, .. } = &mut *self else {
            return Poll::Ready(None);
        };
        *polling = true;
        let poll = inner.as_mut().poll_next(cx);
        *polling = false;
        if let Poll::Ready(Some(Err(_)) | None) = &poll {
            *leaving = None;
        }
        poll
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), |inner| inner.size_hint())
    }
}

impl<St, T, E> FusedStream for DrainStream<St>
where
    St: FusedStream<Item = Result<T, E>>,
{
    fn is_terminated(&self) -> bool {
        self.inner.as_ref().is_none_or(|inner| inner.is_terminated())
    }
}

impl<St> fmt::Debug for DrainStream<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainStream")
            .field("ended", &self.leaving.is_none())
            .finish_non_exhaustive()
    }
}
