use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::{BoxError, Service};

use super::{
    ConfigError, ResponseFuture,
    api::{Endpoint, ModelConfig},
};
use crate::{
    accessors::accessors,
    bounds::{HttpService, IntoBoxError},
    chat::{
        ChatRequest, ChatStream, ModelError,
        identity::{self, Identity},
    },
    wire,
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

/// The state that a layer and its models share.
#[derive(Debug)]
pub(super) struct Settings<C> {
    config: C,
    endpoint: Result<Endpoint, ConfigError>,
    identity: Identity,
}

impl<C: ModelConfig> Settings<C> {
    pub(super) fn new(config: C) -> Self {
        let endpoint = config.endpoint();
        let mut identity = config.identity();
        // A known host is of another provider than the one whose API it serves.
        let host = endpoint.as_ref().ok().and_then(|endpoint| endpoint.uri.host());
        identity.provider = host.and_then(wire::of_host).unwrap_or(identity.provider);
        Self { config, endpoint, identity }
    }

    fn request(&self, request: ChatRequest) -> Result<Request<Full<Bytes>>, ModelError> {
        let endpoint = self.endpoint.as_ref();
        let endpoint = endpoint.map_err(|error| ModelError::invalid(error.to_string()))?;
        let body = self.config.body(&request)?;
        let uri = self.config.uri(endpoint, &request)?;
        Ok(endpoint.request(uri, body, request.extensions))
    }
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
        Self::with_settings(inner, Arc::new(Settings::new(config)))
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

    fn call(&mut self, request: ChatRequest) -> Self::Future {
        let (stream, reader) = (request.stream, self.settings.config.response_reader());
        match self.settings.request(request) {
            Ok(request) => ResponseFuture::new(self.inner.call(request), reader, stream),
            Err(error) => ResponseFuture::failed(error),
        }
    }
}
