use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;
use tower::BoxError;

use super::limits::Timer;

pin_project! {
    /// The response stream of a [`StreamTimeout`](super::StreamTimeout).
    #[must_use = "streams do nothing unless polled"]
    pub struct TimeoutStream<St> {
        // `None` when it has ended.
        #[pin]
        inner: Option<St>,
        timer: Timer,
    }
}

impl<St> TimeoutStream<St> {
    pub(super) fn new(inner: St, timer: Timer) -> Self {
        Self { inner: Some(inner), timer }
    }
}

impl<St, T, E> Stream for TimeoutStream<St>
where
    St: Stream<Item = Result<T, E>>,
    E: Into<BoxError>,
{
    type Item = Result<T, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        match inner.poll_next(cx) {
            Poll::Ready(Some(item)) => {
                this.timer.item();
                Poll::Ready(Some(item.map_err(Into::into)))
            }
            Poll::Ready(None) => {
                this.inner.set(None);
                Poll::Ready(None)
            }
            Poll::Pending => this.timer.poll(cx).map(|timed_out| {
                this.inner.set(None);
                Some(Err(timed_out.into()))
            }),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.inner {
            // It may end sooner, or in an error.
            Some(inner) => (0, inner.size_hint().1.and_then(|most| most.checked_add(1))),
            None => (0, Some(0)),
        }
    }
}

impl<St, T, E> FusedStream for TimeoutStream<St>
where
    St: Stream<Item = Result<T, E>>,
    E: Into<BoxError>,
{
    fn is_terminated(&self) -> bool {
        self.inner.is_none()
    }
}

impl<St> fmt::Debug for TimeoutStream<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutStream")
            .field("ended", &self.inner.is_none())
            .finish_non_exhaustive()
    }
}
