use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use crate::{
    event::Delta,
    extract::{ExtractChunk, TraitExtractor},
    lifecycle::{CallFuture, Ending, Llm, Outcome},
};

pin_project! {
    /// The response future of a [`ModelService`](super::ModelService).
    ///
    /// Dropped, it drops the inner call and ends the run as cancelled.
    ///
    /// `F` is the inner service's future, and `R` the response.
    #[must_use = "futures do nothing unless polled"]
    pub struct ModelFuture<S, Req, F, R, D = TraitExtractor> {
        #[pin]
        call: CallFuture<S, Req, F, Llm>,
        extract: D,
        ending: Option<Ending<Llm, Result<R, BoxError>>>,
    }
}

impl<S, Req, F, R, D> ModelFuture<S, Req, F, R, D> {
    pub(super) fn new(call: CallFuture<S, Req, F, Llm>, extract: D) -> Self {
        Self { call, extract, ending: None }
    }
}

impl<S, Req, D> Future for ModelFuture<S, Req, S::Future, S::Response, D>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    D: ExtractChunk<S::Response>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.ending.is_none() {
            *this.ending = Some(match ready!(this.call.poll_call(cx)) {
                Outcome::Unobserved(response) => return Poll::Ready(response.map_err(Into::into)),
                Outcome::Response(response, mut emitter) => {
                    // The closure is user code.
                    emitter.read(|emitter| {
                        emitter.delta(Delta::NotStreamed);
                        this.extract.deltas(&response, &mut |delta| emitter.delta(delta));
                    });
                    emitter.complete();
                    Ending::new(emitter, Some(Ok(response)))
                }
                Outcome::Failed(error, mut emitter) => {
                    let error = error.into();
                    emitter.error(&*error);
                    Ending::new(emitter, Some(Err(error)))
                }
                Outcome::Aborted(emitter) => Ending::new(emitter, None),
            });
        }
        let Some(ending) = this.ending else { unreachable!("set above") };
        let output = ready!(ending.poll_output(cx)).unwrap_or_else(|aborted| Err(aborted.into()));
        *this.ending = None;
        Poll::Ready(output)
    }
}

impl<S, Req, F, R, D> fmt::Debug for ModelFuture<S, Req, F, R, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelFuture")
            .field("observed", &self.call.is_observed())
            .finish_non_exhaustive()
    }
}
