use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use futures_core::Stream;
use tower::{BoxError, Service};

use super::{CallbackStream, ResponseFuture, runs::Runs};
use crate::{
    accessors::accessors,
    bounds::{CloneService, IntoBoxError, ResultStream},
    callbacks::Callbacks,
    chat::identity::{self, Identity},
    extract::{ExtractChunk, ExtractRequest, TraitExtractor},
    run::RunType,
};

/// The service of a [`CallbackLayer`](crate::CallbackLayer).
///
/// Readiness is that of the inner service. The inner service is `Clone`, because a call may have to wait for handlers
/// before it is made: then the ready service is moved into the future, and a clone takes its place.
#[derive(Debug, Clone)]
pub struct CallbackService<S, D = TraitExtractor> {
    inner: S,
    runs: Runs<D>,
    /// The typed model below, if it is known.
    model: Option<Identity>,
}

impl<S> CallbackService<S> {
    /// Wraps a service, and notifies a set of handlers of its calls.
    ///
    /// A [`CallbackLayer`](crate::CallbackLayer) has more settings.
    pub fn new(inner: S, callbacks: impl Into<Callbacks>) -> Self {
        Self::from_runs(inner, Runs::new(RunType::Llm, callbacks.into()))
    }
}

impl<S, D> CallbackService<S, D> {
    pub(super) fn from_runs(inner: S, runs: Runs<D>) -> Self {
        Self { inner, runs, model: None }
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
    pub async fn oneshot<Req, C, E>(
        mut self,
        request: Req,
    ) -> Result<CallbackStream<S::Response, C, D>, BoxError>
    where
        S: Service<Req> + CloneService,
        S::Error: IntoBoxError,
        S::Response: ResultStream + Stream<Item = Result<C, E>>,
        E: IntoBoxError,
        D: ExtractRequest<Req> + ExtractChunk<C>,
    {
        poll_fn(|cx| Service::<Req>::poll_ready(&mut self, cx)).await?;
        Service::<Req>::call(&mut self, request).await
    }
}

impl<S, D, Req, C, E> Service<Req> for CallbackService<S, D>
where
    S: Service<Req> + CloneService,
    S::Error: IntoBoxError,
    S::Response: ResultStream + Stream<Item = Result<C, E>>,
    E: IntoBoxError,
    D: ExtractRequest<Req> + ExtractChunk<C>,
{
    type Response = CallbackStream<S::Response, C, D>;
    type Error = BoxError;
    type Future = ResponseFuture<S, Req, S::Future, D>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let Self { inner, model, .. } = self;
        identity::listen(model, || inner.poll_ready(cx)).map_err(Into::into)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let call = self.runs.call(&mut self.inner, request, self.model);
        ResponseFuture::new(call, self.runs.extract.clone())
    }
}
