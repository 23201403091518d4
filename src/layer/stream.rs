use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;
use tower::BoxError;

use crate::{
    callbacks::Emitter,
    chat::ChatChunk,
    extract::{ExtractChunk, TraitExtractor},
};

pin_project! {
    /// The response stream of a [`CallbackService`](super::CallbackService): the inner stream's items,
    /// told on the way.
    ///
    /// Dropped before its end, it drops the inner stream and ends the run as cancelled; dropped after
    /// the chunk that ends the answer, the run has completed.
    ///
    /// `C` is the type of its chunks: a parameter of its own, since a projection of `St` keeps tasks that
    /// hold this stream from being `Send` where `St` is boxed.
    #[must_use = "streams do nothing unless polled"]
    pub struct CallbackStream<St, C = ChatChunk, D = TraitExtractor> {
        // Before the told call: the inner stream is dropped first.
        #[pin]
        inner: Option<St>,
        told: Option<Told<D, C>>,
        done: bool,
    }
}

/// A stream of which somebody is told.
struct Told<D, C> {
    emitter: Box<Emitter>,
    extract: D,
    held: Held<C>,
}

/// What waits for handlers before the consumer gets it.
enum Held<C> {
    Nothing,
    /// A chunk waits for lockstep handlers.
    Chunk(C),
    /// The last thing that the run covers waits for the terminal event: an error, or the end.
    Last(Option<BoxError>),
}

impl<St, C, D> CallbackStream<St, C, D> {
    /// A stream of which nobody is told.
    pub(crate) fn pass(inner: St) -> Self {
        Self { inner: Some(inner), told: None, done: false }
    }

    pub(crate) fn told(inner: St, emitter: Box<Emitter>, extract: D) -> Self {
        let told = Told { emitter, extract, held: Held::Nothing };
        Self { inner: Some(inner), told: Some(told), done: false }
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
        let item = match this.told {
            Some(told) => ready!(told.poll_next(this.inner.as_mut(), cx)),
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
        if let Some(Told { emitter, held: Held::Last(None), .. }) = &self.told {
            // The inner stream has ended, and may say anything; after an abort there is its error.
            let left = usize::from(emitter.is_aborted());
            return (left, Some(left));
        }
        let (least, most) = self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint);
        let held = match &self.told {
            Some(Told { held: Held::Chunk(_) | Held::Last(Some(_)), .. }) => 1,
            _ => 0,
        };
        (least.saturating_add(held), most.and_then(|most| most.checked_add(held)))
    }
}

impl<D, C> Told<D, C> {
    fn poll_next<St, E>(
        &mut self,
        mut inner: Pin<&mut Option<St>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<C, BoxError>>>
    where
        St: Stream<Item = Result<C, E>>,
        E: Into<BoxError>,
        D: ExtractChunk<C>,
    {
        let Self { emitter, extract, held } = self;
        loop {
            if !matches!(held, Held::Nothing) {
                if matches!(held, Held::Last(_)) {
                    if emitter.is_aborted() {
                        // Whatever handlers are still to be waited for.
                        inner.set(None);
                    }
                    ready!(emitter.poll_end(cx));
                } else {
                    ready!(emitter.poll_lockstep(cx));
                }
                match mem::replace(held, Held::Nothing) {
                    Held::Nothing => {}
                    // A guard that aborts on what a chunk holds keeps it from the consumer.
                    Held::Chunk(_) if emitter.is_aborted() => {}
                    Held::Chunk(chunk) => return Poll::Ready(Some(Ok(chunk))),
                    Held::Last(mut error) => {
                        if let Some(aborted) = emitter.take_aborted() {
                            inner.set(None);
                            error = Some(aborted.into());
                        }
                        return Poll::Ready(error.map(Err));
                    }
                }
            }

            if emitter.is_aborted() {
                *held = Held::Last(None);
                continue;
            }
            let over = emitter.is_over();
            if over {
                // What follows the end of the answer passes unobserved, while the terminal is told.
                let _told = emitter.poll_end(cx);
                if emitter.is_aborted() {
                    continue;
                }
            } else {
                ready!(emitter.poll_room(cx));
                if emitter.is_aborted() {
                    continue;
                }
            }

            let Some(stream) = inner.as_mut().as_pin_mut() else {
                return Poll::Ready(None);
            };
            match emitter.enter(|| stream.poll_next(cx)) {
                Poll::Pending => {
                    if over || !emitter.watch_for_abort(cx) {
                        return Poll::Pending;
                    }
                }
                Poll::Ready(Some(Ok(chunk))) if over => return Poll::Ready(Some(Ok(chunk))),
                Poll::Ready(Some(Ok(chunk))) => {
                    emitter.begin_chunk();
                    extract.deltas(&chunk, &mut |delta| emitter.delta(&delta));
                    emitter.end_chunk();
                    if emitter.is_aborted() {
                        continue;
                    }
                    // Asked before the terminal is told: a chunk is held for its tokens only.
                    if emitter.must_hold_item() {
                        *held = Held::Chunk(chunk);
                        continue;
                    }
                    if emitter.is_over() {
                        emitter.tell_end_if_drained();
                    }
                    return Poll::Ready(Some(Ok(chunk)));
                }
                Poll::Ready(Some(Err(error))) => {
                    let error = error.into();
                    emitter.error(&*error);
                    *held = Held::Last(Some(error));
                }
                Poll::Ready(None) => {
                    emitter.end_of_stream(extract.has_end_mark());
                    *held = Held::Last(None);
                }
            }
        }
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
            .field("told", &self.told.is_some())
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}
