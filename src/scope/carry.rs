use std::task::{Context, Poll};

use tower::{Layer, Service};

use super::HasExtensions;
use crate::run::{Context as RunContext, InRun};

/// Carries the current run in the request's extensions: across `tower::Buffer`, or whatever else makes the
/// call in a task of its own.
///
/// Where a run (or a request-time configuration) is current, it puts it into the request; where none is, it
/// makes the one current that the request carries. So it stands above the buffer and, for layers that do not
/// look at the request themselves, below it once more. A [`CallbackLayer`](crate::CallbackLayer) and a
/// [`HttpCallbackLayer`](crate::HttpCallbackLayer) put their run into requests, and look for one, without it.
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
    /// A layer that carries the current run.
    pub fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for RunContextLayer {
    type Service = RunContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RunContextService { inner }
    }
}

/// The service of a [`RunContextLayer`].
#[derive(Debug, Clone)]
pub struct RunContextService<S> {
    inner: S,
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
        let mut context = RunContext::current();
        if !context.is_none() {
            request.extensions_mut().insert(context.clone());
        } else if let Some(carried) = request.extensions().get::<RunContext>() {
            context = carried.clone();
        }
        let future = context.swapped(|| self.inner.call(request));
        InRun::new(future, context)
    }
}
