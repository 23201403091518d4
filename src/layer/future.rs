use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::CallbackStream;
use crate::{
    callbacks::{Call, Emitter},
    extract::{ExtractChunk, TraitExtractor},
};

pin_project! {
    /// The response future of a [`CallbackService`](super::CallbackService).
    ///
    /// Dropped, it drops the inner call and ends the run as cancelled.
    ///
    /// `F` is the service's future: a parameter of its own, since a projection of `S` keeps tasks that
    /// hold this one from being `Send` where `S` has bounds such as those of `tower::Buffer`.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, F, D = TraitExtractor> {
        // Before the emitter: the inner call is dropped first.
        #[pin]
        call: Call<S, Req, F>,
        emitter: Option<Box<Emitter>>,
        extract: Option<D>,
        ending: Option<Ending>,
    }
}

/// The call is over without a stream: what comes of it waits for handlers.
enum Ending {
    Failed(BoxError),
    Aborted,
}

impl<S, Req, F, D> ResponseFuture<S, Req, F, D> {
    /// A call of which nobody is told.
    pub(crate) fn pass(future: F, extract: D) -> Self {
        Self { call: Call::calling(future), emitter: None, extract: Some(extract), ending: None }
    }

    pub(crate) fn told(call: Call<S, Req, F>, emitter: Box<Emitter>, extract: D) -> Self {
        Self { call, emitter: Some(emitter), extract: Some(extract), ending: None }
    }
}

impl<S, Req, D, C, E> Future for ResponseFuture<S, Req, S::Future, D>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    S::Response: Stream<Item = Result<C, E>>,
    E: Into<BoxError>,
    D: ExtractChunk<C>,
{
    type Output = Result<CallbackStream<S::Response, C, D>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(emitter) = this.emitter.as_deref_mut() else {
            let response = ready!(this.call.poll_untold(cx)).map_err(Into::into);
            return Poll::Ready(response.map(CallbackStream::pass));
        };
        if this.ending.is_none() {
            match ready!(this.call.poll(emitter, cx)) {
                Some(Ok(stream)) => {
                    let (emitter, extract) = (this.emitter.take(), this.extract.take());
                    let (Some(emitter), Some(extract)) = (emitter, extract) else {
                        unreachable!("a call that is told has both");
                    };
                    return Poll::Ready(Ok(CallbackStream::told(stream, emitter, extract)));
                }
                Some(Err(error)) => {
                    let error = error.into();
                    emitter.error(&*error);
                    *this.ending = Some(Ending::Failed(error));
                }
                None => *this.ending = Some(Ending::Aborted),
            }
        }
        ready!(emitter.poll_end(cx));
        let error = match (emitter.take_aborted(), this.ending.take()) {
            (Some(aborted), _) => BoxError::from(aborted),
            (None, Some(Ending::Failed(error))) => error,
            (None, _) => unreachable!("a call ends in its error or in an abort"),
        };
        *this.emitter = None;
        Poll::Ready(Err(error))
    }
}

impl<S, Req, F, D> fmt::Debug for ResponseFuture<S, Req, F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("told", &self.emitter.is_some())
            .finish_non_exhaustive()
    }
}
