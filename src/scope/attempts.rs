use std::{
    sync::Arc,
    task::{Context, Poll},
};

use tower::{Layer, Service};

use crate::run::{Attempts as Count, Context as RunContext, InRun};

/// Counts the attempts of a call: stands above the layer that retries, or falls back to another service.
///
/// With it, the runs of one call have [`attempt`](crate::Run::attempt) 1, 2, 3 …, and each that comes since
/// the one before has failed tells [`on_retry`](crate::CallbackHandler::on_retry) right after its start, with
/// that one's error and id: tokens of that id are discarded. Without it, each run is attempt 1 of its own.
///
/// The runs are those that are made directly in the call, not their children. Over `tower::Buffer`, which
/// calls from a task of its own, put a [`RunContextLayer`](crate::scope::RunContextLayer) above and below the buffer.
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
    /// A layer that counts attempts.
    pub fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for AttemptsLayer {
    type Service = AttemptsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AttemptsService { inner }
    }
}

/// The service of an [`AttemptsLayer`].
#[derive(Debug, Clone)]
pub struct AttemptsService<S> {
    inner: S,
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
        let count = Arc::new(Count::default());
        let mut context = RunContext::current().scoped(|scope| scope.attempts = Some(count));
        let future = context.swapped(|| self.inner.call(request));
        InRun::new(future, context)
    }
}
