use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use tower::{BoxError, Service};

use super::ModelFuture;
use crate::{
    accessors::accessors,
    chat::identity::{self, Identity},
    extract::{ExtractChunk, ExtractRequest, TraitExtractor},
    lifecycle::{CallFuture, RunConfig, RunSpec, start_llm},
};

/// The service of a [`ModelLayer`](super::ModelLayer). Created by the layer, which has the type of the runs.
///
/// Readiness is that of the inner service. The inner service is `Clone`, because a call may have to wait for handlers
/// before it is made: then the ready service is moved into the future, and a clone takes its place.
#[derive(Debug, Clone)]
pub struct ModelService<S, D = TraitExtractor> {
    inner: S,
    spec: Arc<RunSpec>,
    extract: D,
    /// The typed model below, as far as it is known.
    model: Option<Identity>,
}

impl<S, D> ModelService<S, D> {
    pub(super) fn from_spec(inner: S, spec: Arc<RunSpec>, extract: D) -> Self {
        Self { inner, spec, extract, model: None }
    }

    accessors!();

    /// Returns the service, and checks the bounds of [`Service`] for a request type here, where a compile error names
    /// what is missing, rather than where the service is called.
    #[must_use]
    pub fn checked<Req>(self) -> Self
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
        D: ExtractRequest<Req> + ExtractChunk<S::Response>,
    {
        self
    }

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
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
        D: ExtractRequest<Req> + ExtractChunk<S::Response>,
    {
        poll_fn(|cx| Service::<Req>::poll_ready(&mut self, cx)).await?;
        Service::<Req>::call(&mut self, request).await
    }
}

impl<S, D, Req> Service<Req> for ModelService<S, D>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    D: ExtractRequest<Req> + ExtractChunk<S::Response>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ModelFuture<S, Req, S::Future, S::Response, D>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let Self { inner, model, .. } = self;
        identity::listen(model, || inner.poll_ready(cx)).map_err(Into::into)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let extract = self.extract.clone();
        let Some(new_run) = self.spec.open(extract.extensions(&request)) else {
            return ModelFuture::new(CallFuture::unobserved(self.inner.call(request)), extract);
        };
        let emitter =
            Box::new(start_llm(new_run, || identity::with(self.model, || extract.start(&request))));
        if let Some(extensions) = extract.extensions_mut(&mut request) {
            // From here on the run hands on what its configuration set.
            extensions.remove::<RunConfig>();
            extensions.insert(emitter.scope());
        }
        ModelFuture::new(CallFuture::new(&mut self.inner, request, emitter, None), extract)
    }
}
