use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_util::{FutureExt, StreamExt, TryFutureExt};
use tower::{BoxError, Service};

use super::{ChatChunk, ChatRequest, ChatStream, ModelError};
use crate::{
    bounds::{CloneService, IntoBoxError, ResultStream},
    sync::lock,
};

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
pub struct BoxModel(
    /// Locked to be cloned, so that services fit that are not `Sync`, such as tower's `BoxCloneService`.
    Mutex<Box<dyn Inner>>,
);

type Answer = Pin<Box<dyn Future<Output = Result<ChatStream, ModelError>> + Send>>;

/// What a boxed model does.
trait Inner: Send {
    fn clone_box(&self) -> Box<dyn Inner>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ModelError>>;
    fn call(&mut self, request: ChatRequest) -> Answer;
}

impl<S, St, E> Inner for S
where
    S: Service<ChatRequest, Response = St> + Clone + Send + 'static,
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
        S: Service<ChatRequest, Response = St> + CloneService + Send + 'static,
        S::Error: IntoBoxError,
        S::Future: Send + 'static,
        St: ResultStream + Stream<Item = Result<ChatChunk, E>> + Send + 'static,
        E: IntoBoxError + 'static,
    {
        Self(Mutex::new(Box::new(model)))
    }

    fn inner(&mut self) -> &mut dyn Inner {
        &mut **self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
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
            poll_fn(|cx| model.inner().poll_ready(cx)).await?;
            model.inner().call(request).await
        }
    }
}

impl Clone for BoxModel {
    fn clone(&self) -> Self {
        // The service's own code, which cannot reach this lock again.
        Self(Mutex::new(lock(&self.0).clone_box()))
    }
}

impl Service<ChatRequest> for BoxModel {
    type Response = ChatStream;
    type Error = ModelError;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ModelError>> {
        self.inner().poll_ready(cx)
    }

    fn call(&mut self, request: ChatRequest) -> Answer {
        self.inner().call(request)
    }
}

impl fmt::Debug for BoxModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxModel").finish_non_exhaustive()
    }
}
