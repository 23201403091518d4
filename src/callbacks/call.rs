use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::Service;

use super::emitter::{Account, Emitter};

pin_project! {
    /// The inner call of a run, after its start phase: what the futures of all typed layers share.
    pub(crate) struct Call<S, Req, F> {
        #[pin]
        state: State<S, Req, F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, Req, F> {
        /// The start phase: the service is ready, and waits.
        Starting { call: Option<(S, Req)> },
        /// The inner call.
        Calling { #[pin] future: F },
        Done,
    }
}

impl<S, Req, F> Call<S, Req, F> {
    /// A call of a service that is ready: at once where no handler has to be awaited. Otherwise it is
    /// moved into the future, and a clone of it, which may not be ready, takes its place.
    pub(crate) fn new<A: Account>(service: &mut S, request: Req, emitter: &mut Emitter<A>) -> Self
    where
        S: Service<Req, Future = F> + Clone,
    {
        if emitter.may_call_at_once() {
            return Self::calling(emitter.enter(|| service.call(request)));
        }
        let clone = service.clone();
        Self::starting(mem::replace(service, clone), request)
    }

    /// A call that was made.
    pub(crate) fn calling(future: F) -> Self {
        Self { state: State::Calling { future } }
    }

    /// A call that is made after the start phase.
    pub(crate) fn starting(ready: S, request: Req) -> Self {
        Self { state: State::Starting { call: Some((ready, request)) } }
    }

    /// Polls a call of which nobody is told.
    pub(crate) fn poll_untold(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output>
    where
        F: Future,
    {
        let mut state = self.project().state;
        let StateProj::Calling { future } = state.as_mut().project() else {
            panic!("a response future was polled after completion");
        };
        let output = ready!(future.poll(cx));
        state.set(State::Done);
        Poll::Ready(output)
    }

    /// Polls through the start phase and the inner call. None if the run was aborted: then the inner
    /// call is dropped, or was never made.
    pub(crate) fn poll<A: Account>(
        self: Pin<&mut Self>,
        emitter: &mut Emitter<A>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<F::Output>>
    where
        S: Service<Req, Future = F>,
        F: Future<Output = Result<S::Response, S::Error>>,
    {
        let mut state = self.project().state;
        loop {
            let output = match state.as_mut().project() {
                StateProj::Starting { call } => {
                    let started = ready!(emitter.poll_started(cx));
                    if let (Some((mut service, request)), true) = (call.take(), started) {
                        let future = emitter.enter(|| service.call(request));
                        state.set(State::Calling { future });
                        continue;
                    }
                    None
                }
                StateProj::Calling { .. } if emitter.is_aborted() => None,
                StateProj::Calling { future } => match emitter.enter(|| future.poll(cx)) {
                    Poll::Pending if emitter.watch_for_abort(cx) => continue,
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(output) => Some(output),
                },
                StateProj::Done => panic!("a response future was polled after completion"),
            };
            state.set(State::Done);
            return Poll::Ready(output);
        }
    }
}
