use std::{
    fmt,
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll},
};

use tower::{BoxError, Service};

use super::{ExtractInput, NoInput, OutputKind, RunFuture, Unary, output::Told};
use crate::callbacks::{Call, Emitter, RunSpec};

/// The service of a [`RunLayer`](crate::RunLayer).
///
/// Readiness goes through. The inner service is `Clone`, since the start phase may have to be waited
/// for: then the service that is ready is moved into the future, and a clone takes its place.
#[derive(Debug, Clone)]
pub struct RunService<S, I = NoInput, O = Unary> {
    inner: S,
    spec: Arc<RunSpec>,
    input: I,
    kind: O,
}

impl<S, I, O> RunService<S, I, O> {
    pub(super) fn new(inner: S, spec: Arc<RunSpec>, input: I, kind: O) -> Self {
        Self { inner, spec, input, kind }
    }

    /// The service, with the bounds of [`Service`] checked for a request type here, where a compile
    /// error says what is missing, rather than where it is called.
    #[must_use]
    pub fn checked<Req>(self) -> Self
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
        I: ExtractInput<Req>,
        O: OutputKind<S::Response>,
    {
        self
    }
}

impl<S, I, O> RunService<S, I, O> {
    /// Waits until it is ready, and calls it: as `tower::ServiceExt::oneshot`, which the compiler cannot
    /// see to be `Send` where the inner service's error is a [`BoxError`].
    ///
    /// # Errors
    ///
    /// Those of the inner service, and [`Aborted`](crate::Aborted).
    pub async fn oneshot<Req>(mut self, request: Req) -> Result<O::Response, BoxError>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
        I: ExtractInput<Req>,
        O: OutputKind<S::Response>,
    {
        poll_fn(|cx| Service::<Req>::poll_ready(&mut self, cx)).await?;
        Service::<Req>::call(&mut self, request).await
    }
}

impl<S, I, O, Req> Service<Req> for RunService<S, I, O>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    I: ExtractInput<Req>,
    O: OutputKind<S::Response>,
{
    type Response = O::Response;
    type Error = BoxError;
    type Future = RunFuture<S, Req, S::Future, O, O::Response, O::Sum>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let kind = self.kind.clone();
        let Some(opened) = self.spec.open(None) else {
            return RunFuture::new(Call::calling(self.inner.call(request)), None, kind);
        };
        let input = || self.input.input(&request);
        let mut emitter = Box::new(Emitter::begin(opened, input, kind.sum()));
        let call = Call::new(&mut self.inner, request, &mut emitter);
        RunFuture::new(call, Some(Told(emitter)), kind)
    }
}

/// A future as the service of one call: what [`RunLayer::run`](crate::RunLayer::run) wraps.
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
