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
    callbacks::Emitter,
    describe::{DescribeChunk, Native},
};

pin_project! {
    /// The response future of a [`CallbackService`](super::CallbackService).
    ///
    /// Dropped, it drops the inner call and ends the run as cancelled.
    ///
    /// `F` is the service's future: a parameter of its own, since a projection of `S` keeps tasks that
    /// hold this one from being `Send` where `S` has bounds such as those of `tower::Buffer`.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, F, D = Native> {
        // Before the emitter: the inner call is dropped first.
        #[pin]
        state: State<S, Req, F>,
        emitter: Option<Box<Emitter>>,
        describe: Option<D>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, Req, F> {
        /// The start phase: the service is ready, and waits.
        Starting { call: Option<(S, Req)> },
        /// The inner call.
        Calling { #[pin] future: F },
        /// The call is over; its error waits for handlers.
        Ending { error: Option<BoxError> },
        Done,
    }
}

impl<S, Req, F, D> ResponseFuture<S, Req, F, D> {
    /// A call of which nobody is told.
    pub(crate) fn pass(future: F, describe: D) -> Self {
        Self { state: State::Calling { future }, emitter: None, describe: Some(describe) }
    }

    pub(crate) fn calling(future: F, emitter: Box<Emitter>, describe: D) -> Self {
        Self { state: State::Calling { future }, emitter: Some(emitter), describe: Some(describe) }
    }

    pub(crate) fn starting(ready: S, request: Req, emitter: Box<Emitter>, describe: D) -> Self {
        let state = State::Starting { call: Some((ready, request)) };
        Self { state, emitter: Some(emitter), describe: Some(describe) }
    }
}

impl<S, Req, D, C, E> Future for ResponseFuture<S, Req, S::Future, D>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    S::Response: Stream<Item = Result<C, E>>,
    E: Into<BoxError>,
    D: DescribeChunk<C>,
{
    type Output = Result<CallbackStream<S::Response, C, D>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let Some(emitter) = this.emitter.as_deref_mut() else {
                let StateProj::Calling { future } = this.state.as_mut().project() else {
                    panic!("`ResponseFuture` polled after completion");
                };
                let response = ready!(future.poll(cx)).map_err(Into::into);
                this.state.set(State::Done);
                return Poll::Ready(response.map(CallbackStream::pass));
            };
            match this.state.as_mut().project() {
                StateProj::Starting { call } => {
                    let started = ready!(emitter.poll_started(cx));
                    match call.take() {
                        Some((mut service, request)) if started => {
                            let future = emitter.enter(|| service.call(request));
                            this.state.set(State::Calling { future });
                        }
                        _ => this.state.set(State::Ending { error: None }),
                    }
                }
                StateProj::Calling { future } => {
                    if emitter.is_aborted() {
                        this.state.set(State::Ending { error: None });
                        continue;
                    }
                    match emitter.enter(|| future.poll(cx)) {
                        Poll::Pending => {
                            if !emitter.watch_for_abort(cx) {
                                return Poll::Pending;
                            }
                        }
                        Poll::Ready(Err(error)) => {
                            let error = error.into();
                            emitter.error(&*error);
                            this.state.set(State::Ending { error: Some(error) });
                        }
                        Poll::Ready(Ok(stream)) => {
                            this.state.set(State::Done);
                            let describe = this.describe.take();
                            let emitter = this.emitter.take();
                            let (Some(describe), Some(emitter)) = (describe, emitter) else {
                                unreachable!("a call that is told has both");
                            };
                            return Poll::Ready(Ok(CallbackStream::told(
                                stream, emitter, describe,
                            )));
                        }
                    }
                }
                StateProj::Ending { error } => {
                    ready!(emitter.poll_end(cx));
                    let error = match emitter.take_aborted() {
                        Some(aborted) => Some(BoxError::from(aborted)),
                        None => error.take(),
                    };
                    this.state.set(State::Done);
                    *this.emitter = None;
                    let Some(error) = error else {
                        unreachable!("a call ends in its error or in an abort");
                    };
                    return Poll::Ready(Err(error));
                }
                StateProj::Done => panic!("`ResponseFuture` polled after completion"),
            }
        }
    }
}

impl<S, Req, F, D> fmt::Debug for ResponseFuture<S, Req, F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("told", &self.emitter.is_some())
            .finish_non_exhaustive()
    }
}
