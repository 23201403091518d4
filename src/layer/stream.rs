use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;
use tower::BoxError;

use crate::{
    chat::ChatChunk,
    extract::{ExtractChunk, TraitExtractor},
    lifecycle::{Gated, Llm, LlmEmitter, Position, Reader, Source},
};

pin_project! {
    /// The response stream of a [`CallbackService`](super::CallbackService): yields the inner stream's items.
    ///
    /// Dropped before its end, it drops the inner stream and ends the run as cancelled. Dropped after the end
    /// mark, or when every choice has its finish reason, the run has completed.
    ///
    /// `C` is the type of the chunks. It is a parameter because a projection of `St` would keep tasks that hold this
    /// stream from being `Send` where `St` is boxed.
    #[must_use = "streams do nothing unless polled"]
    pub struct CallbackStream<St, C = ChatChunk, D = TraitExtractor> {
        #[pin]
        gated: Gated<St, Chunks<D>, C, Llm>,
        done: bool,
    }
}

/// Reads chunks.
struct Chunks<D>(D);

impl<D> Reader<Llm> for Chunks<D> {}

impl<St, D, C, E> Source<St, C, C, Llm> for Chunks<D>
where
    St: Stream<Item = Result<C, E>>,
    E: Into<BoxError>,
    D: ExtractChunk<C>,
{
    #[inline]
    fn poll(inner: Pin<&mut St>, cx: &mut Context<'_>) -> Poll<Option<Result<C, BoxError>>> {
        inner.poll_next(cx).map(|item| item.map(|item| item.map_err(Into::into)))
    }

    #[inline]
    fn item(&mut self, chunk: &C, _inner: Pin<&St>, emitter: &mut LlmEmitter) -> Position {
        if !emitter.is_over() {
            emitter.read(|emitter| self.0.deltas(chunk, &mut |delta| emitter.delta(delta)));
        }
        Position::Inner
    }

    #[inline]
    fn hold(chunk: C) -> Result<C, C> {
        Ok(chunk)
    }

    #[inline]
    fn release(chunk: C) -> C {
        chunk
    }

    fn end(&mut self, emitter: &mut LlmEmitter) {
        emitter.end_of_stream(self.0.has_end_mark());
    }
}

impl<St, C, D> CallbackStream<St, C, D> {
    /// A stream that no handler is notified of.
    pub(super) fn unobserved(inner: St) -> Self {
        Self { gated: Gated::unobserved(Some(inner)), done: false }
    }

    pub(super) fn new(inner: St, extract: D, emitter: Box<LlmEmitter>) -> Self {
        Self { gated: Gated::new(inner, Chunks(extract), emitter), done: false }
    }
}

impl<St, D, C, E> Stream for CallbackStream<St, C, D>
where
    St: Stream<Item = Result<C, E>>,
    E: Into<BoxError>,
    D: ExtractChunk<C>,
{
    type Item = Result<C, BoxError>;

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

impl<St, D, C, E> FusedStream for CallbackStream<St, C, D>
where
    St: Stream<Item = Result<C, E>>,
    E: Into<BoxError>,
    D: ExtractChunk<C>,
{
    fn is_terminated(&self) -> bool {
        self.done
    }
}

impl<St, C, D> fmt::Debug for CallbackStream<St, C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackStream")
            .field("observed", &self.gated.is_observed())
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}
