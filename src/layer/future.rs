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
    extract::{ExtractChunk, TraitExtractor},
    lifecycle::{CallFuture, Ending, Llm, Outcome},
};

pin_project! {
    /// The response future of a [`CallbackService`](super::CallbackService).
    ///
    /// Dropped, it drops the inner call and ends the run as cancelled.
    ///
    /// `F` is the service's future. It is a parameter because a projection of `S` would keep tasks that hold this
    /// future from being `Send` where `S` has bounds such as those of `tower::Buffer`.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, F, D = TraitExtractor> {
        #[pin]
        call: CallFuture<S, Req, F, Llm>,
        extract: Option<D>,
        ending: Option<Ending<Llm, BoxError>>,
    }
}

impl<S, Req, F, D> ResponseFuture<S, Req, F, D> {
    pub(super) fn new(call: CallFuture<S, Req, F, Llm>, extract: D) -> Self {
        Self { call, extract: Some(extract), ending: None }
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
        if this.ending.is_none() {
            *this.ending = Some(match ready!(this.call.poll_call(cx)) {
                Outcome::Unobserved(response) => {
                    let response = response.map_err(Into::into);
                    return Poll::Ready(response.map(CallbackStream::unobserved));
                }
                Outcome::Response(stream, emitter) => {
                    let Some(extract) = this.extract.take() else {
                        unreachable!("a call has one response");
                    };
                    return Poll::Ready(Ok(CallbackStream::new(stream, extract, emitter)));
                }
                Outcome::Failed(error, mut emitter) => {
                    let error = error.into();
                    emitter.error(&*error);
                    Ending::new(emitter, Some(error))
                }
                Outcome::Aborted(emitter) => Ending::new(emitter, None),
            });
        }
        let Some(ending) = this.ending else { unreachable!("set above") };
        let error = ready!(ending.poll_output(cx)).unwrap_or_else(BoxError::from);
        *this.ending = None;
        Poll::Ready(Err(error))
    }
}

impl<S, Req, F, D> fmt::Debug for ResponseFuture<S, Req, F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("observed", &self.call.is_observed())
            .finish_non_exhaustive()
    }
}
