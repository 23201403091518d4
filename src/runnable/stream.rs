use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;
use tower::BoxError;

use super::fold::{FoldItem, PartialOutput};
use crate::lifecycle::{Emitter, Gated, Position, Reader, Runnable, Source};

pin_project! {
    /// The response stream of a streaming [`RunService`](super::RunService): yields the inner stream's items, in a run
    /// that ends with the stream.
    ///
    /// Dropped before its end, it drops the inner stream and ends the run as cancelled. Items that follow an error pass,
    /// but the run has ended with the error.
    #[must_use = "streams do nothing unless polled"]
    pub struct RunStream<St, K: PartialOutput> {
        #[pin]
        gated: Gated<St, Items, Infallible, Runnable<K>>,
        done: bool,
    }
}

/// Reads items, which add up to an output.
struct Items;

impl<K: PartialOutput> Reader<Runnable<K>> for Items {}

impl<St, K, T, E> Source<St, T, Infallible, Runnable<K>> for Items
where
    St: Stream<Item = Result<T, E>>,
    E: Into<BoxError>,
    K: FoldItem<T>,
{
    fn poll(inner: Pin<&mut St>, cx: &mut Context<'_>) -> Poll<Option<Result<T, BoxError>>> {
        inner.poll_next(cx).map(|item| item.map(|item| item.map_err(Into::into)))
    }

    fn item(&mut self, item: &T, _inner: Pin<&St>, emitter: &mut Emitter<Runnable<K>>) -> Position {
        emitter.add(|output| output.fold(item));
        Position::Inner
    }

    /// An item is no event, so that it never waits for handlers.
    fn hold(item: T) -> Result<Infallible, T> {
        Err(item)
    }

    fn release(held: Infallible) -> T {
        match held {}
    }

    fn end(&mut self, emitter: &mut Emitter<Runnable<K>>) {
        emitter.complete();
    }
}

impl<St, K: PartialOutput> RunStream<St, K> {
    pub(super) fn new(inner: St, emitter: Option<Box<Emitter<Runnable<K>>>>) -> Self {
        let gated = match emitter {
            Some(emitter) => Gated::new(inner, Items, emitter),
            None => Gated::unobserved(Some(inner)),
        };
        Self { gated, done: false }
    }
}

impl<St, K, T, E> Stream for RunStream<St, K>
where
    St: Stream<Item = Result<T, E>>,
    E: Into<BoxError>,
    K: FoldItem<T>,
{
    type Item = Result<T, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if *this.done {
            return Poll::Ready(None);
        }
        let item = ready!(this.gated.as_mut().poll_item(cx));
        // After an abort there is no inner stream, and the error was the last item.
        *this.done = item.is_none() || this.gated.inner().is_none();
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.done { (0, Some(0)) } else { self.gated.size_hint() }
    }
}

impl<St, K, T, E> FusedStream for RunStream<St, K>
where
    St: Stream<Item = Result<T, E>>,
    E: Into<BoxError>,
    K: FoldItem<T>,
{
    fn is_terminated(&self) -> bool {
        self.done
    }
}

impl<St, K: PartialOutput> fmt::Debug for RunStream<St, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunStream")
            .field("observed", &self.gated.is_observed())
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}
