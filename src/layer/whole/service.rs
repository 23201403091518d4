use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use tower::{BoxError, Service};

use super::{super::runs::Runs, ModelFuture};
use crate::{
    accessors::accessors,
    bounds::{CloneService, IntoBoxError},
    chat::identity::{self, Identity},
    extract::{ExtractChunk, ExtractRequest, TraitExtractor},
};

/// The service of a [`ModelLayer`](super::ModelLayer). Created by the layer, which has the type of the runs.
///
/// Readiness is that of the inner service. The inner service is `Clone`, because a call may have to wait for handlers
/// before it is made: then the ready service is moved into the future, and a clone takes its place.
#[derive(Debug, Clone)]
pub struct ModelService<S, D = TraitExtractor> {
    inner: S,
    runs: Runs<D>,
    /// The typed model below, as far as it is known.
    model: Option<Identity>,
}

impl<S, D> ModelService<S, D> {
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
    pub async fn oneshot<Req>(mut self, request: Req) -> Result<S::Response, BoxError>
    where
        S: Service<Req> + CloneService,
        S::Error: IntoBoxError,
        D: ExtractRequest<Req> + ExtractChunk<S::Response>,
    {
        poll_fn(|cx| Service::<Req>::poll_ready(&mut self, cx)).await?;
        Service::<Req>::call(&mut self, request).await
    }
}

impl<S, D, Req> Service<Req> for ModelService<S, D>
where
    S: Service<Req> + CloneService,
    S::Error: IntoBoxError,
    D: ExtractRequest<Req> + ExtractChunk<S::Response>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ModelFuture<S, Req, S::Future, S::Response, D>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let Self { inner, model, .. } = self;
        identity::listen(model, || inner.poll_ready(cx)).map_err(Into::into)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let call = self.runs.call(&mut self.inner, request, self.model);
        ModelFuture::new(call, self.runs.extract.clone())
    }
}
