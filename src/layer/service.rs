use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::{Stream, TryStream};
use tower::{BoxError, Service};

use super::{CallbackStream, ResponseFuture};
use crate::{
    accessors::accessors,
    callbacks::Callbacks,
    chat::identity::{self, Identity},
    extract::{ExtractChunk, ExtractRequest, TraitExtractor},
    lifecycle::{CallFuture, RunConfig, RunSpec, start_llm},
    run::RunType,
};

/// The service of a [`CallbackLayer`](crate::CallbackLayer).
///
/// Readiness is that of the inner service. The inner service is `Clone`, because a call may have to wait for handlers
/// before it is made: then the ready service is moved into the future, and a clone takes its place.
#[derive(Debug, Clone)]
pub struct CallbackService<S, D = TraitExtractor> {
    inner: S,
    spec: Arc<RunSpec>,
    extract: D,
    /// The typed model below, if it is known.
    model: Option<Identity>,
}

impl<S> CallbackService<S> {
    /// Wraps a service, and notifies a set of handlers of its calls.
    ///
    /// A [`CallbackLayer`](crate::CallbackLayer) has more settings.
    pub fn new(inner: S, callbacks: impl Into<Callbacks>) -> Self {
        let spec = RunSpec::new(RunType::Llm, callbacks.into());
        Self::from_spec(inner, Arc::new(spec), TraitExtractor)
    }
}

impl<S, D> CallbackService<S, D> {
    pub(super) fn from_spec(inner: S, spec: Arc<RunSpec>, extract: D) -> Self {
        Self { inner, spec, extract, model: None }
    }

    accessors!();

    /// Returns the service, and checks the bounds of [`Service`] for a request type here, where a compile error names
    /// what is missing, rather than where the service is called.
    ///
    /// ```
    /// # use tower::{Layer, service_fn};
    /// # use tower_llm_callbacks::{CallbackLayer, Callbacks, chat::{ChatChunk, ChatRequest}};
    /// # let model = service_fn(|_: ChatRequest| async {
    /// #     Ok::<_, std::io::Error>(futures::stream::empty::<Result<ChatChunk, std::io::Error>>())
    /// # });
    /// let model = CallbackLayer::new(Callbacks::new()).layer(model).checked::<ChatRequest>();
    /// ```
    #[must_use]
    pub fn checked<Req>(self) -> Self
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
        S::Response: Stream<Item = Result<Chunk<S, Req>, Failure<S, Req>>> + TryStream,
        Failure<S, Req>: Into<BoxError>,
        D: ExtractRequest<Req> + ExtractChunk<Chunk<S, Req>>,
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
    pub async fn oneshot<Req, C, E>(
        mut self,
        request: Req,
    ) -> Result<CallbackStream<S::Response, C, D>, BoxError>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
        S::Response: Stream<Item = Result<C, E>>,
        E: Into<BoxError>,
        D: ExtractRequest<Req> + ExtractChunk<C>,
    {
        poll_fn(|cx| Service::<Req>::poll_ready(&mut self, cx)).await?;
        Service::<Req>::call(&mut self, request).await
    }
}

type Chunk<S, Req> = <<S as Service<Req>>::Response as TryStream>::Ok;
type Failure<S, Req> = <<S as Service<Req>>::Response as TryStream>::Error;

impl<S, D, Req, C, E> Service<Req> for CallbackService<S, D>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    S::Response: Stream<Item = Result<C, E>>,
    E: Into<BoxError>,
    D: ExtractRequest<Req> + ExtractChunk<C>,
{
    type Response = CallbackStream<S::Response, C, D>;
    type Error = BoxError;
    type Future = ResponseFuture<S, Req, S::Future, D>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let Self { inner, model, .. } = self;
        identity::listen(model, || inner.poll_ready(cx)).map_err(Into::into)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let extract = self.extract.clone();
        let Some(new_run) = self.spec.open(extract.extensions(&request)) else {
            let call = CallFuture::unobserved(self.inner.call(request));
            return ResponseFuture::new(call, extract);
        };
        let emitter =
            Box::new(start_llm(new_run, || identity::with(self.model, || extract.start(&request))));
        if let Some(extensions) = extract.extensions_mut(&mut request) {
            // From here on the run hands on what its configuration set.
            extensions.remove::<RunConfig>();
            extensions.insert(emitter.scope());
        }
        ResponseFuture::new(CallFuture::new(&mut self.inner, request, emitter, None), extract)
    }
}
