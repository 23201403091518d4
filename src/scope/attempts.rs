use std::{
    sync::Arc,
    task::{Context, Poll},
};

use tower::{Layer, Service};

use crate::{
    accessors::accessors,
    run::{Attempts, InRun, Scope},
};

/// Counts the attempts of a call. Goes above a layer that retries, or falls back to another service.
///
/// The runs of one call then have [`attempt`](crate::Run::attempt) 1, 2, 3 … A run that follows a failed one emits
/// [`on_retry`](crate::CallbackHandler::on_retry) right after its start, with the error and id of the failed run, whose
/// tokens are discarded. Without this layer, each run is attempt 1.
///
/// Only runs made directly in the call are counted, not their children. `tower::Buffer` makes calls in a task of its
/// own: put a [`RunContextLayer`](crate::scope::RunContextLayer) above and below the buffer.
///
/// ```
/// # use tower::{ServiceBuilder, service_fn, retry::{Policy, RetryLayer}};
/// # use tower_llm_callbacks::{AttemptsLayer, CallbackLayer, Callbacks, chat::ChatRequest};
/// # #[derive(Clone)] struct Retries;
/// # impl<S> Policy<ChatRequest, S, tower::BoxError> for Retries {
/// #     type Future = std::future::Ready<()>;
/// #     fn retry(&mut self, _: &mut ChatRequest, _: &mut Result<S, tower::BoxError>) -> Option<Self::Future> { None }
/// #     fn clone_request(&mut self, r: &ChatRequest) -> Option<ChatRequest> { Some(r.clone()) }
/// # }
/// # let model = service_fn(|_: ChatRequest| async { Ok::<(), tower::BoxError>(()) });
/// let model = ServiceBuilder::new()
///     .layer(AttemptsLayer::new())
///     .layer(RetryLayer::new(Retries))
///     .layer(CallbackLayer::new(Callbacks::new()))
///     .service(model);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct AttemptsLayer(());

impl AttemptsLayer {
    /// Creates a layer that counts attempts.
    pub fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for AttemptsLayer {
    type Service = AttemptsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AttemptsService::new(inner)
    }
}

/// The service of an [`AttemptsLayer`].
#[derive(Debug, Clone)]
pub struct AttemptsService<S> {
    inner: S,
}

impl<S> AttemptsService<S> {
    /// Wraps a service, and counts the attempts of its calls.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }

    accessors!();
}

impl<S, Req> Service<Req> for AttemptsService<S>
where
    S: Service<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = InRun<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let attempts = Arc::new(Attempts::default());
        let mut scope = Scope::current().configured(|scope| scope.attempts = Some(attempts));
        let future = scope.enter(|| self.inner.call(request));
        InRun::new(future, scope)
    }
}
