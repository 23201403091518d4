use std::{
    sync::{Arc, atomic::AtomicU32},
    task::{Context, Poll},
};

use tower::{Layer, Service};

use crate::{
    describe::LlmRequest,
    run::{Context as RunContext, InRun},
};

/// Counts the attempts of a retried call: stands above the retrying layer.
///
/// With it, the runs of one call have [`attempt`](crate::Run::attempt) 1, 2, 3 …; without, each has 1.
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
    type Service = Attempts<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Attempts { inner }
    }
}

/// The service of an [`AttemptsLayer`].
#[derive(Debug, Clone)]
pub struct Attempts<S> {
    inner: S,
}

impl<S, Req> Service<Req> for Attempts<S>
where
    S: Service<Req>,
    Req: LlmRequest,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = InRun<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let mut around = RunContext::current();
        if around.is_none()
            && let Some(carried) = request.extensions().and_then(|e| e.get::<RunContext>())
        {
            around = carried.clone();
        }
        let mut context = around.scoped(|scope| scope.attempts = Some(Arc::new(AtomicU32::new(0))));
        if let Some(extensions) = request.extensions_mut() {
            extensions.insert(context.clone());
        }
        let future = context.swapped(|| self.inner.call(request));
        InRun::new(future, context)
    }
}
