use std::{
    any::Any,
    fmt,
    fmt::Display,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Request, Response, header};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::{
    RequestBody, ResponseBody,
    call::{Answered, Call, Ending, Waiting},
};
use crate::{
    callbacks::Emitter,
    event::{ErrorKind, Failure},
    redact,
    run::Aborted,
    wire::Format,
};

pin_project! {
    /// The response future of an [`HttpCallbackService`](super::HttpCallbackService).
    ///
    /// Dropped, it drops the inner call and ends the run as cancelled.
    ///
    /// `F` is the inner service's future, and `R` its output.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B: Body, F, R> {
        // Before the call: the inner call is dropped first.
        #[pin]
        state: State<S, B, F, R>,
        call: Option<Box<Call>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B: Body, F, R> {
        /// The request's body is coming.
        Capturing { waiting: Option<(S, Box<Waiting<B>>)> },
        /// The start phase: the service is ready, and waits.
        Starting { call: Option<(S, Request<RequestBody<B>>)> },
        /// The inner call.
        Calling { #[pin] future: F },
        /// The call is over; what comes of it waits for handlers.
        Ending { ending: Box<Ending>, output: Option<R> },
        Done,
    }
}

impl<S, B: Body, F, R> ResponseFuture<S, B, F, R> {
    /// A call of which nobody is told.
    pub(super) fn pass(future: F) -> Self {
        Self { state: State::Calling { future }, call: None }
    }

    pub(super) fn capturing(ready: S, waiting: Box<Waiting<B>>) -> Self {
        Self { state: State::Capturing { waiting: Some((ready, waiting)) }, call: None }
    }

    pub(super) fn starting(ready: S, request: Request<RequestBody<B>>, call: Box<Call>) -> Self {
        Self { state: State::Starting { call: Some((ready, request)) }, call: Some(call) }
    }

    pub(super) fn calling(future: F, call: Box<Call>) -> Self {
        Self { state: State::Calling { future }, call: Some(call) }
    }
}

impl<S, B, B2, E> Future for ResponseFuture<S, B, S::Future, Result<Response<B2>, E>>
where
    S: Service<Request<RequestBody<B>>, Response = Response<B2>, Error = E>,
    E: Display + 'static,
    B: Body,
    B2: Body,
    B2::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B2>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Capturing { waiting } => {
                    let Some((_, body)) = waiting else { unreachable!("it waits for its body") };
                    ready!(body.poll_captured(cx));
                    let Some((service, mut waiting)) = waiting.take() else { unreachable!() };
                    let (call, request) = waiting.start();
                    *this.call = Some(call);
                    this.state.set(State::Starting { call: Some((service, request)) });
                }
                StateProj::Starting { call } => {
                    let Some(current) = this.call else { unreachable!("a call that is told") };
                    let started = match current.emitter() {
                        Some(emitter) => ready!(emitter.poll_started(cx)),
                        None => true,
                    };
                    match call.take() {
                        Some((mut service, mut request)) if started => {
                            current.propagate(request.headers_mut());
                            let future = current.enter(|| service.call(request));
                            this.state.set(State::Calling { future });
                        }
                        _ => end(this.state.as_mut(), this.call, None),
                    }
                }
                StateProj::Calling { future } => {
                    let Some(call) = this.call else {
                        let response = ready!(future.poll(cx));
                        this.state.set(State::Done);
                        return Poll::Ready(response.map(|it| it.map(ResponseBody::pass)));
                    };
                    if call.emitter().is_some_and(|emitter| emitter.is_aborted()) {
                        end(this.state.as_mut(), this.call, None);
                        continue;
                    }
                    match call.enter(|| future.poll(cx)) {
                        Poll::Pending => {
                            let aborted = |emitter: &mut Emitter| emitter.watch_for_abort(cx);
                            if !call.emitter().is_some_and(aborted) {
                                return Poll::Pending;
                            }
                        }
                        Poll::Ready(Err(error)) => {
                            let Some(emitter) = call.emitter() else {
                                this.state.set(State::Done);
                                return Poll::Ready(Err(error));
                            };
                            tell_error(emitter, &error);
                            end(this.state.as_mut(), this.call, Some(Err(error)));
                        }
                        // The client has nothing of the response yet.
                        Poll::Ready(Ok(_))
                            if call.emitter().is_some_and(|emitter| emitter.is_aborted()) => {}
                        Poll::Ready(Ok(response)) => {
                            let Some(call) = this.call.take() else { unreachable!() };
                            this.state.set(State::Done);
                            let (head, body) = response.into_parts();
                            let body = match call.answered(&head, &body) {
                                Answered::NoCall => ResponseBody::pass(body),
                                Answered::Told(told) => ResponseBody::told(body, told),
                                Answered::Ended(ending) => {
                                    let output = Some(Ok(Response::from_parts(head, body)));
                                    this.state.set(State::Ending { ending, output });
                                    continue;
                                }
                            };
                            return Poll::Ready(Ok(Response::from_parts(head, body)));
                        }
                    }
                }
                StateProj::Ending { ending, output } => {
                    let Ending { emitter, format } = &mut **ending;
                    ready!(emitter.poll_end(cx));
                    let response = match (emitter.take_aborted(), output.take()) {
                        (Some(aborted), _) => Ok(refusal(&**format, &aborted)),
                        (None, Some(output)) => output.map(|it| it.map(ResponseBody::pass)),
                        (None, None) => unreachable!("a call ends in its output or in an abort"),
                    };
                    this.state.set(State::Done);
                    return Poll::Ready(response);
                }
                StateProj::Done => panic!("`ResponseFuture` polled after completion"),
            }
        }
    }
}

/// The call is over: it ends in an output, or in an abort.
fn end<S, B: Body, F, R>(
    mut state: Pin<&mut State<S, B, F, R>>,
    call: &mut Option<Box<Call>>,
    output: Option<R>,
) {
    let Some(ending) = call.take().and_then(|call| call.ended()) else {
        unreachable!("a call of which nobody is told yet does not end")
    };
    state.set(State::Ending { ending, output });
}

fn tell_error<E: Display + 'static>(emitter: &mut Emitter, error: &E) {
    let any: &dyn Any = error;
    if let Some(error) = any.downcast_ref::<BoxError>() {
        return emitter.error(&**error);
    }
    #[cfg(feature = "client")]
    if let Some(error) = any.downcast_ref::<hyper_util::client::legacy::Error>() {
        return emitter.error(error);
    }
    emitter.fail(Failure::new(ErrorKind::Transport, redact::text(&error.to_string())));
}

/// The response to an abort, in the provider's own shape.
fn refusal<B>(format: &dyn Format, aborted: &Aborted) -> Response<ResponseBody<B>> {
    let abort = aborted.abort();
    let (status, reason) = (abort.status_code(), abort.reason());
    let body = catch_unwind(AssertUnwindSafe(|| format.error_body(status, reason)));
    let mut response = Response::new(ResponseBody::own(body.unwrap_or_default()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

impl<S, B: Body, F, R> fmt::Debug for ResponseFuture<S, B, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("told", &self.call.is_some()).finish_non_exhaustive()
    }
}
