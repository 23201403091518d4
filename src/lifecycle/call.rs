use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::Service;

use super::{account::Account, emitter::Emitter};
use crate::run::{Aborted, Run};

pin_project! {
    /// The inner call of a run, after its start phase. All response futures poll this.
    ///
    /// Dropped, it drops the inner call, inside the run, and then ends the run as cancelled.
    pub(crate) struct CallFuture<S, Req, F, A: Account> {
        #[pin]
        state: State<S, Req, F>,
        emitter: Option<Box<Emitter<A>>>,
    }

    impl<S, Req, F, A: Account> PinnedDrop for CallFuture<S, Req, F, A> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(emitter) = this.emitter {
                emitter.enter(|| this.state.set(State::Done));
            }
        }
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, Req, F> {
        /// The start phase: the ready service waits.
        Starting { call: Option<(S, Req)>, prepare: Option<Prepare<Req>> },
        /// The inner call.
        Calling { #[pin] future: F },
        Done,
    }
}

/// Changes a request right before the inner call, when awaited handlers have returned from the start event.
pub(crate) type Prepare<Req> = fn(&mut Req, &Run);

/// What an inner call came to.
pub(crate) enum Outcome<R, E, A: Account> {
    /// The call is unobserved.
    Unobserved(Result<R, E>),
    Response(R, Box<Emitter<A>>),
    Failed(E, Box<Emitter<A>>),
    /// The run was aborted: the inner call is dropped, or was never made.
    Aborted(Box<Emitter<A>>),
}

impl<S, Req, F, A: Account> CallFuture<S, Req, F, A> {
    /// A call that no handler is notified of.
    pub(crate) fn unobserved(future: F) -> Self {
        Self { state: State::Calling { future }, emitter: None }
    }

    /// A call of a ready service: at once if no handler has to be awaited. Otherwise the service is moved into the
    /// future, and a clone of it, which may not be ready, takes its place.
    pub(crate) fn new(
        service: &mut S,
        mut request: Req,
        mut emitter: Box<Emitter<A>>,
        prepare: Option<Prepare<Req>>,
    ) -> Self
    where
        S: Service<Req, Future = F> + Clone,
    {
        if emitter.may_call_at_once() {
            if let Some(prepare) = prepare {
                prepare(&mut request, emitter.run());
            }
            let future = emitter.call(|| service.call(request));
            return Self { state: State::Calling { future }, emitter: Some(emitter) };
        }
        let clone = service.clone();
        Self::starting(mem::replace(service, clone), request, emitter, prepare)
    }

    /// A call of a ready service after the start phase.
    pub(crate) fn starting(
        service: S,
        request: Req,
        emitter: Box<Emitter<A>>,
        prepare: Option<Prepare<Req>>,
    ) -> Self {
        let call = Some((service, request));
        Self { state: State::Starting { call, prepare }, emitter: Some(emitter) }
    }

    pub(crate) fn is_observed(&self) -> bool {
        self.emitter.is_some()
    }

    /// Polls through the start phase and the inner call.
    pub(crate) fn poll_call<R, E>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<R, E, A>>
    where
        S: Service<Req, Future = F, Response = R, Error = E>,
        F: Future<Output = Result<R, E>>,
    {
        let this = self.project();
        let mut state = this.state;
        let Some(emitter) = this.emitter else {
            let StateProj::Calling { future } = state.as_mut().project() else {
                panic!("a response future was polled after completion");
            };
            let output = ready!(future.poll(cx));
            state.set(State::Done);
            return Poll::Ready(Outcome::Unobserved(output));
        };
        let output = loop {
            match state.as_mut().project() {
                StateProj::Starting { call, prepare } => {
                    let started = ready!(emitter.poll_started(cx));
                    let (Some((mut service, mut request)), true) = (call.take(), started) else {
                        break None;
                    };
                    if let Some(prepare) = prepare {
                        prepare(&mut request, emitter.run());
                    }
                    let future = emitter.call(|| service.call(request));
                    state.set(State::Calling { future });
                }
                StateProj::Calling { .. } if emitter.phases.is_aborted() => break None,
                StateProj::Calling { future } => match emitter.poll_inner(|| future.poll(cx)) {
                    Poll::Pending if emitter.phases.watch_for_abort(cx) => break None,
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(output) => break Some(output),
                },
                StateProj::Done => panic!("a response future was polled after completion"),
            }
        };
        emitter.enter(|| state.set(State::Done));
        let Some(emitter) = this.emitter.take() else {
            unreachable!("an observed call has its emitter until it is done");
        };
        Poll::Ready(match output {
            Some(Ok(response)) => Outcome::Response(response, emitter),
            Some(Err(error)) => Outcome::Failed(error, emitter),
            None => Outcome::Aborted(emitter),
        })
    }
}

/// A call that is over, and whose output waits for the run's terminal event.
pub(crate) struct Ending<A: Account, T> {
    emitter: Box<Emitter<A>>,
    /// `None` if the run was aborted.
    output: Option<T>,
}

impl<A: Account, T> Ending<A, T> {
    pub(crate) fn new(emitter: Box<Emitter<A>>, output: Option<T>) -> Self {
        Self { emitter, output }
    }

    /// Returns the output when awaited handlers have returned from the terminal event.
    pub(crate) fn poll_output(&mut self, cx: &Context<'_>) -> Poll<Result<T, Aborted>> {
        ready!(self.emitter.poll_end(cx));
        Poll::Ready(match (self.emitter.take_aborted(), self.output.take()) {
            (Some(aborted), _) => Err(aborted),
            (None, Some(output)) => Ok(output),
            (None, None) => unreachable!("a call ends in its output or in an abort"),
        })
    }
}
