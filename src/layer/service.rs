use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::{Stream, TryStream};
use tower::{BoxError, Service};

use super::{CallbackStream, ResponseFuture};
use crate::{
    callbacks::{Call, Emitter, RunConfig, RunSpec},
    extract::{ExtractChunk, ExtractRequest, TraitExtractor},
};

/// The service of a [`CallbackLayer`](crate::CallbackLayer).
///
/// Readiness goes through. The inner service is `Clone`, since the start phase may have to be waited
/// for: then the service that is ready is moved into the future, and a clone takes its place.
#[derive(Debug, Clone)]
pub struct CallbackService<S, D = TraitExtractor> {
    inner: S,
    spec: Arc<RunSpec>,
    extract: D,
}

impl<S, D> CallbackService<S, D> {
    pub(crate) fn new(inner: S, spec: Arc<RunSpec>, extract: D) -> Self {
        Self { inner, spec, extract }
    }

    /// The service, with the bounds of [`Service`] checked for a request type here, where a compile
    /// error says what is missing, rather than where it is called.
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
}

impl<S, D> CallbackService<S, D> {
    /// Waits until it is ready, and calls it: as `tower::ServiceExt::oneshot`, which the compiler cannot
    /// see to be `Send` where the inner service's error is a [`BoxError`].
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
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let Some(opened) = self.spec.open(self.extract.extensions(&request)) else {
            return ResponseFuture::pass(self.inner.call(request), self.extract.clone());
        };
        let extract = self.extract.clone();
        let mut emitter = Box::new(Emitter::start(opened, || extract.start(&request)));
        if let Some(extensions) = extract.extensions_mut(&mut request) {
            // From here on the run hands on what its configuration said.
            extensions.remove::<RunConfig>();
            extensions.insert(emitter.context());
        }
        let call = Call::new(&mut self.inner, request, &mut emitter);
        ResponseFuture::told(call, emitter, extract)
    }
}
