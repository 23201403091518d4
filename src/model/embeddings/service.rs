use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::{BoxError, Service};

use super::{EmbeddingConfig, EmbeddingRequest, Embeddings};
use crate::{
    chat::{ModelError, identity},
    event::LlmStart,
    model::{response_reader::ResponseReader, settings::Settings},
};

/// A service from [`EmbeddingRequest`] to [`Embeddings`] over an HTTP client service. Created by an
/// [`EmbeddingLayer`](super::EmbeddingLayer).
///
/// The extensions of the request are moved to the HTTP request. Nothing is spawned.
///
/// # Errors
///
/// - [`ModelError::InvalidRequest`]: no model, no text, a setting that the provider has no place for, or an invalid
///   configuration. The HTTP service is not called.
/// - [`ModelError::Provider`]: a status other than 2xx, with status, code and request id, or an answer that is an error.
/// - [`ModelError::Transport`]: the HTTP service or its response body failed, or the answer has no vectors.
/// - [`ModelError::Truncated`]: the body ended before the answer was complete.
#[derive(Debug, Clone)]
pub struct EmbeddingModel<S, C> {
    inner: S,
    settings: Arc<Settings<C>>,
}

/// The future of an [`EmbeddingModel`].
pub type EmbeddingFuture = Pin<Box<dyn Future<Output = Result<Embeddings, ModelError>> + Send>>;

impl<S, C: EmbeddingConfig> EmbeddingModel<S, C> {
    /// Creates a model over an HTTP client service. An invalid configuration makes every call fail.
    ///
    /// ```
    /// use tower_llm_callbacks::model::{cohere::CohereConfig, embeddings::EmbeddingModel};
    ///
    /// let model = EmbeddingModel::new("http", CohereConfig::new("key"));
    /// assert_eq!(model.into_inner(), "http");
    /// ```
    pub fn new(inner: S, config: C) -> Self {
        let identity = config.embedding_identity();
        Self::with_settings(inner, Arc::new(Settings::new(config, identity)))
    }
}

impl<S, C> EmbeddingModel<S, C> {
    pub(super) fn with_settings(inner: S, settings: Arc<Settings<C>>) -> Self {
        Self { inner, settings }
    }

    crate::accessors::accessors!();
}

impl<S, C, B> EmbeddingModel<S, C>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    C: EmbeddingConfig + Send + Sync + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// Waits until the model is ready and calls it, like `tower::ServiceExt::oneshot`.
    ///
    /// # Errors
    ///
    /// Returns the error of the call.
    pub async fn oneshot(mut self, request: EmbeddingRequest) -> Result<Embeddings, ModelError> {
        poll_fn(|cx| self.poll_ready(cx)).await?;
        self.call(request).await
    }
}

impl<S, C, B> Service<EmbeddingRequest> for EmbeddingModel<S, C>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    C: EmbeddingConfig + Send + Sync + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Embeddings;
    type Error = ModelError;
    type Future = EmbeddingFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let ready = self.inner.poll_ready(cx);
        identity::announce(self.settings.identity);
        ready.map_err(|error| ModelError::Transport(error.into()))
    }

    fn call(&mut self, mut request: EmbeddingRequest) -> Self::Future {
        let extensions = std::mem::take(&mut request.extensions);
        let http = self.settings.request(|it| it.embedding_request(&request), extensions);
        let call = http.map(|http| self.inner.call(http));
        let mut asked = LlmStart::new("", "").model(request.model).stream(false);
        asked.params = request.params;
        let settings = Arc::clone(&self.settings);
        Box::pin(async move {
            let response = call?.await.map_err(|error| ModelError::Transport(error.into()))?;
            let format = settings.config.embedding_format();
            let reader = ResponseReader { format, request_id: "x-request-id" };
            if !response.status().is_success() {
                return Err(reader.error(response).await);
            }
            let (facts, answer) = reader.whole(response, &asked).await?;
            let vectors = settings.config.vectors(&answer);
            let vectors = vectors.map_err(|error| ModelError::Transport(error.into()))?;
            Ok(Embeddings::new(vectors, facts))
        })
    }
}
