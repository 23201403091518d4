use std::{
    fmt,
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll},
};

use tower::{BoxError, Service};

use super::{ExtractInput, NoInput, OutputKind, RunFuture, Unary};
use crate::{
    accessors::accessors,
    bounds::{CloneService, IntoBoxError},
    lifecycle::{CallFuture, RunSpec, start_runnable},
};

/// The service of a [`RunLayer`](crate::RunLayer). Created by the layer, which has the run's name and settings.
///
/// Readiness is that of the inner service. The inner service is `Clone`, because a call may have to wait for handlers
/// before it is made: then the ready service is moved into the future, and a clone takes its place.
#[derive(Debug, Clone)]
pub struct RunService<S, I = NoInput, O = Unary> {
    inner: S,
    spec: Arc<RunSpec>,
    input: I,
    kind: O,
}

impl<S, I, O> RunService<S, I, O> {
    pub(super) fn from_spec(inner: S, spec: Arc<RunSpec>, input: I, kind: O) -> Self {
        Self { inner, spec, input, kind }
    }

    accessors!();

    /// Waits until the service is ready, and calls it.
    ///
    /// As `tower::ServiceExt::oneshot`, whose future the compiler does not accept as `Send` if the error of the inner
    /// service is a [`BoxError`].
    ///
    /// # Errors
    ///
    /// Those of the inner service, and [`Aborted`](crate::Aborted).
    pub async fn oneshot<Req>(mut self, request: Req) -> Result<O::Response, BoxError>
    where
        S: Service<Req> + CloneService,
        S::Error: IntoBoxError,
        I: ExtractInput<Req>,
        O: OutputKind<S::Response>,
    {
        poll_fn(|cx| Service::<Req>::poll_ready(&mut self, cx)).await?;
        Service::<Req>::call(&mut self, request).await
    }
}

impl<S, I, O, Req> Service<Req> for RunService<S, I, O>
where
    S: Service<Req> + CloneService,
    S::Error: IntoBoxError,
    I: ExtractInput<Req>,
    O: OutputKind<S::Response>,
{
    type Response = O::Response;
    type Error = BoxError;
    type Future = RunFuture<S, Req, S::Future, O, O::Response, O::Output>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let kind = self.kind.clone();
        let Some(new_run) = self.spec.open(None) else {
            return RunFuture::new(CallFuture::unobserved(self.inner.call(request)), kind);
        };
        let input = || self.input.input(&request);
        let emitter = Box::new(start_runnable(new_run, input, kind.output()));
        RunFuture::new(CallFuture::new(&mut self.inner, request, emitter, None), kind)
    }
}

/// A future as the service of one call, for [`RunLayer::run`](crate::RunLayer::run).
pub struct FutureService<F>(pub(super) Option<F>);

impl<F, T, E> Service<()> for FutureService<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Response = T;
    type Error = E;
    type Future = F;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    /// # Panics
    ///
    /// If it is called twice.
    fn call(&mut self, _request: ()) -> F {
        self.0.take().expect("a future is the service of one call")
    }
}

impl<F> fmt::Debug for FutureService<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FutureService").finish_non_exhaustive()
    }
}
