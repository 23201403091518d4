use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use http_body_util::Full;
use tower::{BoxError, Service};

use super::{ResponseFuture, api::ModelConfig, settings::Settings};
use crate::{
    accessors::accessors,
    bounds::{HttpService, IntoBoxError},
    chat::{ChatRequest, ChatStream, ModelError, identity},
    event::LlmStart,
};

/// A typed model over an HTTP client service: an [`AnthropicModel`](super::anthropic::AnthropicModel) or an
/// [`OpenAiModel`](super::openai::OpenAiModel).
///
/// The extensions of the [`ChatRequest`] are moved to the HTTP request. Nothing is spawned: dropping the future or
/// the stream drops the HTTP call. If the inner service is not ready because of an error, so is the model, with a
/// [`ModelError::Transport`].
#[derive(Debug, Clone)]
pub struct ModelService<S, C> {
    inner: S,
    settings: Arc<Settings<C>>,
}

impl<S, C: ModelConfig> ModelService<S, C> {
    /// Creates a model over an HTTP client service. An invalid configuration makes every call fail.
    ///
    /// ```
    /// use tower_llm_callbacks::model::anthropic::{AnthropicConfig, AnthropicModel};
    ///
    /// let model = AnthropicModel::new("http", AnthropicConfig::new("key"));
    /// assert_eq!(*model.get_ref(), "http");
    /// assert_eq!(model.into_inner(), "http");
    /// ```
    pub fn new(inner: S, config: C) -> Self {
        let identity = config.identity();
        Self::with_settings(inner, Arc::new(Settings::new(config, identity)))
    }
}

impl<S, C> ModelService<S, C> {
    pub(super) fn with_settings(inner: S, settings: Arc<Settings<C>>) -> Self {
        Self { inner, settings }
    }

    accessors!();
}

impl<S, C, B> ModelService<S, C>
where
    S: HttpService<Full<Bytes>, Response = Response<B>>,
    S::Error: IntoBoxError,
    C: ModelConfig,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    /// Waits until the model is ready and calls it, like `tower::ServiceExt::oneshot`.
    ///
    /// # Errors
    ///
    /// Returns the error of the call.
    pub async fn oneshot(mut self, request: ChatRequest) -> Result<ChatStream, ModelError> {
        poll_fn(|cx| self.poll_ready(cx)).await?;
        self.call(request).await
    }
}

impl<S, C, B> Service<ChatRequest> for ModelService<S, C>
where
    S: HttpService<Full<Bytes>, Response = Response<B>>,
    S::Error: IntoBoxError,
    C: ModelConfig,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = ChatStream;
    type Error = ModelError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let ready = self.inner.poll_ready(cx);
        identity::announce(self.settings.identity);
        ready.map_err(|error| ModelError::Transport(error.into()))
    }

    fn call(&mut self, mut request: ChatRequest) -> Self::Future {
        let reader = self.settings.config.response_reader();
        let asked = LlmStart::new("", "").model(request.model.clone()).stream(request.stream);
        let extensions = std::mem::take(&mut request.extensions);
        match self.settings.request(|config| config.request(&request), extensions) {
            Ok(request) => ResponseFuture::new(self.inner.call(request), reader, asked),
            Err(error) => ResponseFuture::failed(error),
        }
    }
}
