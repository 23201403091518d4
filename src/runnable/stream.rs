use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;
use tower::BoxError;

use crate::callbacks::{Emitter, Output, Sum};

/// How a stream's items add up.
pub trait AddUp<T>: Sum {
    #[doc(hidden)]
    fn add(&mut self, item: &T);
}

pin_project! {
    /// The response stream of a [`RunService`](super::RunService) that is streaming: the inner stream's
    /// items, in a run that ends with it.
    ///
    /// Dropped before its end, it drops the inner stream and ends the run as cancelled. What the inner
    /// stream gives after an error passes, but the run has ended with the error.
    #[must_use = "streams do nothing unless polled"]
    pub struct RunStream<St, K: Sum> {
        // Before the emitter: the inner stream is dropped first.
        #[pin]
        inner: Option<St>,
        emitter: Option<Box<Emitter<Output<K>>>>,
        last: Option<Last>,
        done: bool,
    }
}

/// The last thing that the run covers, which waits for the terminal event.
enum Last {
    End,
    Error(BoxError),
}

impl<St, K: Sum> RunStream<St, K> {
    pub(super) fn new(inner: St, emitter: Option<Box<Emitter<Output<K>>>>) -> Self {
        Self { inner: Some(inner), emitter, last: None, done: false }
    }
}

impl<St, K, T, E> Stream for RunStream<St, K>
where
    St: Stream<Item = Result<T, E>>,
    E: Into<BoxError>,
    K: AddUp<T>,
{
    type Item = Result<T, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if *this.done {
            return Poll::Ready(None);
        }
        let item = match this.emitter {
            Some(emitter) => ready!(poll_told(emitter, this.inner.as_mut(), this.last, cx)),
            None => match this.inner.as_mut().as_pin_mut() {
                Some(inner) => ready!(inner.poll_next(cx)).map(|item| item.map_err(Into::into)),
                None => None,
            },
        };
        // After an abort there is no inner stream, and the error was the last item.
        *this.done = item.is_none() || this.inner.is_none();
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.done {
            return (0, Some(0));
        }
        let held = match &self.last {
            Some(Last::End) => {
                // The inner stream has ended, and may say anything; after an abort there is its error.
                let left = self.emitter.as_ref().is_some_and(|emitter| emitter.is_aborted());
                return (usize::from(left), Some(usize::from(left)));
            }
            Some(Last::Error(_)) => 1,
            None => 0,
        };
        let (least, most) = self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint);
        (least.saturating_add(held), most.and_then(|most| most.checked_add(held)))
    }
}

fn poll_told<St, K, T, E>(
    emitter: &mut Emitter<Output<K>>,
    mut inner: Pin<&mut Option<St>>,
    last: &mut Option<Last>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<T, BoxError>>>
where
    St: Stream<Item = Result<T, E>>,
    E: Into<BoxError>,
    K: AddUp<T>,
{
    loop {
        if last.is_some() {
            if emitter.is_aborted() {
                // Whatever handlers are still to be waited for.
                inner.set(None);
            }
            ready!(emitter.poll_end(cx));
            if let Some(aborted) = emitter.take_aborted() {
                inner.set(None);
                *last = Some(Last::Error(aborted.into()));
            }
            return Poll::Ready(match last.take() {
                Some(Last::Error(error)) => Some(Err(error)),
                Some(Last::End) | None => None,
            });
        }
        let over = emitter.is_over();
        if emitter.is_aborted() && !over {
            *last = Some(Last::End);
            continue;
        }
        let Some(stream) = inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let Poll::Ready(item) = emitter.enter(|| stream.poll_next(cx)) else {
            if over || !emitter.watch_for_abort(cx) {
                return Poll::Pending;
            }
            continue;
        };
        match item {
            Some(item) if over => return Poll::Ready(Some(item.map_err(Into::into))),
            None if over => return Poll::Ready(None),
            Some(Ok(item)) => {
                emitter.add(|sum| sum.add(&item));
                return Poll::Ready(Some(Ok(item)));
            }
            Some(Err(error)) => {
                let error = error.into();
                emitter.error(&*error);
                *last = Some(Last::Error(error));
            }
            None => {
                emitter.complete();
                *last = Some(Last::End);
            }
        }
    }
}

impl<St, K, T, E> FusedStream for RunStream<St, K>
where
    St: Stream<Item = Result<T, E>>,
    E: Into<BoxError>,
    K: AddUp<T>,
{
    fn is_terminated(&self) -> bool {
        self.done
    }
}

impl<St, K: Sum> fmt::Debug for RunStream<St, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunStream")
            .field("told", &self.emitter.is_some())
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}
