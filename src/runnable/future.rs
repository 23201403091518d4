use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::{
    OutputKind,
    fold::PartialOutput,
    output::{ObservedRun, Respond},
};
use crate::lifecycle::{CallFuture, Ending, Outcome, Runnable};

pin_project! {
    /// The response future of a [`RunService`](super::RunService).
    ///
    /// Dropped, it drops the inner call and ends the run as cancelled.
    ///
    /// `F` is the inner service's future, `R` the response, `O` how the response ends the run, and `K` what is known of
    /// the output.
    #[must_use = "futures do nothing unless polled"]
    pub struct RunFuture<S, Req, F, O, R, K: PartialOutput> {
        #[pin]
        call: CallFuture<S, Req, F, Runnable<K>>,
        kind: O,
        ending: Option<Ending<Runnable<K>, Result<R, BoxError>>>,
    }
}

impl<S, Req, F, O, R, K: PartialOutput> RunFuture<S, Req, F, O, R, K> {
    pub(super) fn new(call: CallFuture<S, Req, F, Runnable<K>>, kind: O) -> Self {
        Self { call, kind, ending: None }
    }
}

impl<S, Req, O> Future for RunFuture<S, Req, S::Future, O, O::Response, O::Output>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    O: OutputKind<S::Response>,
{
    type Output = Result<O::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.ending.is_none() {
            *this.ending = Some(match ready!(this.call.poll_call(cx)) {
                Outcome::Unobserved(response) => {
                    return Poll::Ready(
                        match this.kind.respond(None, response.map_err(Into::into)?) {
                            Respond::Now(response) | Respond::AtEnd(_, response) => Ok(response),
                        },
                    );
                }
                Outcome::Response(response, emitter) => {
                    match this.kind.respond(Some(ObservedRun(emitter)), response) {
                        Respond::Now(response) => return Poll::Ready(Ok(response)),
                        Respond::AtEnd(ObservedRun(emitter), response) => {
                            Ending::new(emitter, Some(Ok(response)))
                        }
                    }
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
        let output = ready!(ending.poll_output(cx));
        *this.ending = None;
        Poll::Ready(output.unwrap_or_else(|aborted| Err(aborted.into())))
    }
}

impl<S, Req, F, O, R, K: PartialOutput> fmt::Debug for RunFuture<S, Req, F, O, R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunFuture")
            .field("observed", &self.call.is_observed())
            .finish_non_exhaustive()
    }
}
