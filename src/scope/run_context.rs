use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::HasExtensions;
use crate::{
    accessors::accessors,
    run::{InRun, Scope},
};

/// Carries the current run in the request's extensions, across `tower::Buffer` and other services that make calls in a
/// task of their own.
///
/// If a run, or a request-time configuration, is current, it is stored in the request's extensions. Otherwise the stored
/// run is made current. So the layer goes above the buffer and, for layers that do not read the request's extensions,
/// also below it. A [`CallbackLayer`](crate::CallbackLayer) and a
/// [`HttpCallbackLayer`](crate::HttpCallbackLayer) store their run in requests, and read it, without this layer.
///
/// ```
/// use tower::{ServiceBuilder, service_fn};
/// use tower_llm_callbacks::{CallbackLayer, Callbacks, RunLayer, chat::{ChatChunk, ChatRequest}, scope::RunContextLayer};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # let callbacks = Callbacks::new();
/// # let model = service_fn(|_: ChatRequest| async {
/// #     Ok::<_, tower::BoxError>(futures::stream::empty::<Result<ChatChunk, tower::BoxError>>())
/// # });
/// let chain = ServiceBuilder::new()
///     .layer(RunLayer::chain("answer").callbacks(&callbacks).streaming())
///     .layer(RunContextLayer::new())
///     .buffer(16)
///     .layer(CallbackLayer::new(callbacks))
///     .service(model);
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct RunContextLayer(());

impl RunContextLayer {
    /// Creates a layer that carries the current run.
    pub fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for RunContextLayer {
    type Service = RunContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RunContextService::new(inner)
    }
}

/// The service of a [`RunContextLayer`].
#[derive(Debug, Clone)]
pub struct RunContextService<S> {
    inner: S,
}

impl<S> RunContextService<S> {
    /// Wraps a service, and carries the current run in its requests.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }

    accessors!();
}

impl<S, Req> Service<Req> for RunContextService<S>
where
    S: Service<Req>,
    Req: HasExtensions,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = InRun<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let mut scope = Scope::carry(request.extensions_mut());
        let future = scope.enter(|| self.inner.call(request));
        InRun::new(future, scope)
    }
}
