use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_util::{FutureExt, StreamExt, TryFutureExt};
use tower::{BoxError, Service};

use super::{ChatChunk, ChatRequest, ChatStream, ModelError};
use crate::bounds::{CloneService, IntoBoxError, ResultStream};

/// A model whose type has a name: any service from [`ChatRequest`] to a stream of [`ChatChunk`]s, in a box.
///
/// A typed model, one below callbacks, retries and other layers, and a scripted one in tests are all of this type. Errors
/// are [`ModelError`]s. Clones are clones of the service.
///
/// ```
/// use tower_llm_callbacks::{CallbackLayer, Callbacks, Delta, chat::{BoxModel, ChatRequest, ChatStream, ModelError}};
/// use tower::{Layer, service_fn};
///
/// struct App {
///     model: BoxModel,
/// }
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let model = service_fn(|_: ChatRequest| async {
///     let chunks = [Delta::text("Hello"), Delta::Done];
///     Ok::<_, ModelError>(ChatStream::new(futures::stream::iter(chunks.map(Ok))))
/// });
/// let app = App { model: BoxModel::new(CallbackLayer::new(Callbacks::new()).layer(model)) };
///
/// let ask = |text| app.model.ask(ChatRequest::new("any").user(text));
/// let (one, two) = tokio::join!(tokio::spawn(ask("Hi")), ask("Hi"));
/// assert_eq!(one??.collect_result().await?.text(), "Hello");
/// # drop(two);
/// # Ok(()) }
/// ```
pub struct BoxModel(Box<dyn Inner>);

type Answer = Pin<Box<dyn Future<Output = Result<ChatStream, ModelError>> + Send>>;

/// What a boxed model does.
trait Inner: Send + Sync {
    fn clone_box(&self) -> Box<dyn Inner>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ModelError>>;
    fn call(&mut self, request: ChatRequest) -> Answer;
}

impl<S, St, E> Inner for S
where
    S: Service<ChatRequest, Response = St> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    St: Stream<Item = Result<ChatChunk, E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    fn clone_box(&self) -> Box<dyn Inner> {
        Box::new(self.clone())
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ModelError>> {
        Service::poll_ready(self, cx).map_err(|error| ModelError::from(error.into()))
    }

    fn call(&mut self, request: ChatRequest) -> Answer {
        let answer = Service::call(self, request);
        let answer = answer.map_ok(|stream| {
            ChatStream::new(stream.map(|item| item.map_err(|error| ModelError::from(error.into()))))
        });
        answer.map_err(|error| ModelError::from(error.into())).boxed()
    }
}

impl BoxModel {
    /// Puts a model into a box.
    pub fn new<S, St, E>(model: S) -> Self
    where
        S: Service<ChatRequest, Response = St> + CloneService + Send + Sync + 'static,
        S::Error: IntoBoxError,
        S::Future: Send + 'static,
        St: ResultStream + Stream<Item = Result<ChatChunk, E>> + Send + 'static,
        E: IntoBoxError + 'static,
    {
        Self(Box::new(model))
    }

    /// Waits until a clone of the model is ready, and calls it. The future borrows nothing, so that a task may have it.
    ///
    /// # Errors
    ///
    /// Returns the error of the model, or of a layer above it.
    pub fn ask(
        &self,
        request: ChatRequest,
    ) -> impl Future<Output = Result<ChatStream, ModelError>> + Send + 'static {
        let mut model = self.clone();
        async move {
            poll_fn(|cx| model.0.poll_ready(cx)).await?;
            model.0.call(request).await
        }
    }
}

impl Clone for BoxModel {
    fn clone(&self) -> Self {
        Self((*self.0).clone_box())
    }
}

impl Service<ChatRequest> for BoxModel {
    type Response = ChatStream;
    type Error = ModelError;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ModelError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: ChatRequest) -> Answer {
        self.0.call(request)
    }
}

impl fmt::Debug for BoxModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxModel").finish_non_exhaustive()
    }
}
