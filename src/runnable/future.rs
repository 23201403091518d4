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
    output::{Responded, Told},
};
use crate::callbacks::{Call, Sum};

pin_project! {
    /// The response future of a [`RunService`](super::RunService).
    ///
    /// Dropped, it drops the inner call and ends the run as cancelled.
    ///
    /// `F` is the inner service's future and `R` the response; `O` says what the response is to the run,
    /// and `K` what is known of the output.
    #[must_use = "futures do nothing unless polled"]
    pub struct RunFuture<S, Req, F, O, R, K: Sum> {
        // Before the run: the inner call is dropped first.
        #[pin]
        call: Call<S, Req, F>,
        told: Option<Told<K>>,
        kind: O,
        ending: Option<Ending<R>>,
    }
}

/// The call is over: what comes of it waits for handlers.
enum Ending<R> {
    Response(R),
    Failed(BoxError),
    Aborted,
}

impl<S, Req, F, O, R, K: Sum> RunFuture<S, Req, F, O, R, K> {
    pub(super) fn new(call: Call<S, Req, F>, told: Option<Told<K>>, kind: O) -> Self {
        Self { call, told, kind, ending: None }
    }
}

impl<S, Req, O> Future for RunFuture<S, Req, S::Future, O, O::Response, O::Sum>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    O: OutputKind<S::Response>,
{
    type Output = Result<O::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(told) = this.told else {
            let response = ready!(this.call.poll_untold(cx)).map_err(Into::into)?;
            return Poll::Ready(match this.kind.respond(None, response) {
                Responded::Now(response) | Responded::Held(_, response) => Ok(response),
            });
        };
        if this.ending.is_none() {
            *this.ending = Some(match ready!(this.call.poll(&mut told.0, cx)) {
                Some(Ok(response)) => match this.kind.respond(this.told.take(), response) {
                    Responded::Now(response) => return Poll::Ready(Ok(response)),
                    Responded::Held(told, response) => {
                        *this.told = Some(told);
                        Ending::Response(response)
                    }
                },
                Some(Err(error)) => {
                    let error = error.into();
                    told.error(&error);
                    Ending::Failed(error)
                }
                None => Ending::Aborted,
            });
        }
        let Some(Told(emitter)) = this.told else { unreachable!("a call that is told ends told") };
        ready!(emitter.poll_end(cx));
        let output = match (emitter.take_aborted(), this.ending.take()) {
            (Some(aborted), _) => Err(BoxError::from(aborted)),
            (None, Some(Ending::Response(response))) => Ok(response),
            (None, Some(Ending::Failed(error))) => Err(error),
            (None, Some(Ending::Aborted) | None) => {
                unreachable!("a call ends in its output or in an abort")
            }
        };
        *this.told = None;
        Poll::Ready(output)
    }
}

impl<S, Req, F, O, R, K: Sum> fmt::Debug for RunFuture<S, Req, F, O, R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunFuture").field("told", &self.told.is_some()).finish_non_exhaustive()
    }
}
