use std::{
    any::Any,
    fmt,
    fmt::Display,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Request, Response, header};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::{
    RequestBody, ResponseBody,
    answering::{Answered, Answering},
    settings::AsError,
    upload::Upload,
    waiting::{Captured, Started, Waiting},
};
use crate::{
    event::{ErrorKind, Failure},
    lifecycle::{CallFuture, Ending, Llm, LlmEmitter, Outcome},
    panics::guarded,
    redact,
    run::Aborted,
    wire::Format,
};

pin_project! {
    /// The response future of an [`HttpCallbackService`](super::HttpCallbackService).
    ///
    /// Dropped, it drops the inner call and ends the run as cancelled.
    ///
    /// `F` is the inner service's future, `B2` the body of its response and `E` its error.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B: Body, F, B2, E> {
        #[pin]
        state: State<S, B, F, B2, E>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, B: Body, F, B2, E> {
        /// The request's body is arriving.
        Capturing { waiting: Option<(S, Box<Waiting<B>>)> },
        /// The inner call. Without `answering`, the request is not an LLM call.
        Calling {
            #[pin]
            call: CallFuture<S, Request<RequestBody<B>>, F, Llm>,
            answering: Option<Box<Answering>>,
            // The request, if it is still arriving.
            upload: Option<Upload>,
        },
        /// The call is over, and its output waits for handlers.
        Ending { ending: Ending<Llm, Result<Response<B2>, E>>, format: Arc<dyn Format> },
        Done,
    }
}

impl<S, B: Body, F, B2, E> ResponseFuture<S, B, F, B2, E> {
    /// A call that no handler is notified of.
    pub(super) fn unobserved(future: F) -> Self {
        let call = CallFuture::unobserved(future);
        Self { state: State::Calling { call, answering: None, upload: None } }
    }

    pub(super) fn capturing(service: S, waiting: Box<Waiting<B>>) -> Self {
        Self { state: State::Capturing { waiting: Some((service, waiting)) } }
    }

    pub(super) fn calling(
        call: CallFuture<S, Request<RequestBody<B>>, F, Llm>,
        answering: Box<Answering>,
        upload: Option<Upload>,
    ) -> Self {
        Self { state: State::Calling { call, answering: Some(answering), upload } }
    }
}

impl<S, B, B2, E> Future for ResponseFuture<S, B, S::Future, B2, E>
where
    S: Service<Request<RequestBody<B>>, Response = Response<B2>, Error = E>,
    E: Display + 'static,
    B: Body,
    B2: Body,
    B2::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B2>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Capturing { waiting: captured } => {
                    let Some((_, waiting)) = captured else {
                        unreachable!("it waits for its body")
                    };
                    ready!(waiting.poll_captured(cx));
                    let Some((mut service, mut waiting)) = captured.take() else { unreachable!() };
                    match waiting.start() {
                        Captured::Started(Started {
                            request,
                            emitter,
                            answering,
                            upload,
                            prepare,
                        }) => {
                            let call = CallFuture::starting(service, request, emitter, prepare);
                            State::Calling { call, answering: Some(answering), upload }
                        }
                        Captured::Unobserved(request) => {
                            let call = CallFuture::unobserved(service.call(request));
                            State::Calling { call, answering: None, upload: None }
                        }
                    }
                }
                StateProj::Calling { call, answering, upload } => {
                    let outcome = ready!(call.poll_call(cx));
                    match answer(outcome, answering.take(), upload.take()) {
                        Next::Output(output) => {
                            state.set(State::Done);
                            return Poll::Ready(output);
                        }
                        Next::Ending(ending, format) => State::Ending { ending, format },
                    }
                }
                StateProj::Ending { ending, format } => {
                    let output = match ready!(ending.poll_output(cx)) {
                        Ok(output) => output.map(|it| it.map(ResponseBody::unobserved)),
                        Err(aborted) => Ok(abort_response(&**format, &aborted)),
                    };
                    state.set(State::Done);
                    return Poll::Ready(output);
                }
                StateProj::Done => panic!("a response future was polled after completion"),
            };
            state.set(next);
        }
    }
}

/// What comes of a call.
enum Next<B2, E> {
    Output(Result<Response<ResponseBody<B2>>, E>),
    /// The output waits for handlers. The format is that of an abort's response.
    Ending(Ending<Llm, Result<Response<B2>, E>>, Arc<dyn Format>),
}

fn answer<B2: Body, E: Display + 'static>(
    outcome: Outcome<Response<B2>, E, Llm>,
    answering: Option<Box<Answering>>,
    upload: Option<Upload>,
) -> Next<B2, E> {
    let (outcome, answering) = match (outcome, answering) {
        (Outcome::Unobserved(output), _) => {
            return Next::Output(output.map(|it| it.map(ResponseBody::unobserved)));
        }
        (outcome, Some(answering)) => (outcome, answering),
        (_, None) => unreachable!("an observed call has a format"),
    };
    let answered = match outcome {
        Outcome::Unobserved(_) => unreachable!("an observed call has a run"),
        // The client has nothing of the response yet.
        Outcome::Response(_, emitter) if emitter.phases.is_aborted() => {
            Answered::Ended(Ending::new(emitter, None))
        }
        Outcome::Response(response, mut emitter) => {
            // What made the service refuse is the client's failure.
            let refused = !response.status().is_success();
            if let Some(failure) = refused.then(|| upload?.failure()).flatten() {
                let status = Some(response.status().as_u16());
                emitter.fail(Failure { status, ..failure });
            }
            answering.observed(response, emitter)
        }
        Outcome::Failed(error, mut emitter) => {
            if let Some(failure) = upload.and_then(|upload| upload.failure()) {
                emitter.fail(failure);
            }
            call_failed(&mut emitter, &error, &answering.settings.error_types);
            Answered::Ended(Ending::new(emitter, Some(Err(error))))
        }
        Outcome::Aborted(emitter) => Answered::Ended(Ending::new(emitter, None)),
    };
    match answered {
        Answered::Response(response) => Next::Output(Ok(response)),
        Answered::Ended(ending) => Next::Ending(ending, answering.format),
    }
}

/// Sets the outcome of a run whose call returned an error, of any type.
fn call_failed<E: Display + 'static>(emitter: &mut LlmEmitter, error: &E, types: &[AsError]) {
    let any: &dyn Any = error;
    #[cfg(feature = "client")]
    if let Some(error) = any.downcast_ref::<hyper_util::client::legacy::Error>() {
        return emitter.error(error);
    }
    match types.iter().find_map(|as_error| as_error(any)) {
        Some(error) => emitter.error(error),
        None => {
            emitter.fail(Failure::new(ErrorKind::Transport, redact::text(&error.to_string())));
        }
    }
}

/// Returns the response of an aborted call, in the shape of the provider's errors.
fn abort_response<B>(format: &dyn Format, aborted: &Aborted) -> Response<ResponseBody<B>> {
    let abort = aborted.abort();
    let (status, reason) = (abort.status_code(), abort.reason());
    let body =
        guarded("a wire format (abort)", || format.error_body(status, reason)).unwrap_or_default();
    let mut response = Response::new(ResponseBody::own(body));
    *response.status_mut() = status;
    response.extensions_mut().insert(aborted.clone());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    if let Some(time) = abort.retry_time() {
        let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

impl<S, B: Body, F, B2, E> fmt::Debug for ResponseFuture<S, B, F, B2, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let observed = !matches!(&self.state, State::Calling { call, .. } if !call.is_observed());
        f.debug_struct("ResponseFuture").field("observed", &observed).finish_non_exhaustive()
    }
}
