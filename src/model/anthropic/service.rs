use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use http_body_util::Full;
use tower::{BoxError, Service};

use super::{layer::Settings, request};
use crate::{
    chat::{ChatRequest, ChatStream, ModelError},
    model::{ResponseFuture, answers::Answers},
    wire::anthropic::AnthropicMessages,
};

const ANSWERS: Answers = Answers { format: &AnthropicMessages, request_id: "request-id" };

/// Anthropic's Messages API as a service from [`ChatRequest`] to [`ChatStream`], over an HTTP client
/// service.
///
/// The HTTP request gets the request's extensions. Nothing is spawned: dropping the future or the
/// stream drops the HTTP call.
///
/// # Errors
///
/// - [`ModelError::InvalidRequest`]: no model, no message, `max_tokens` of 0 or, where the
///   configuration has none either, none; a sampling field that is not a number; a configuration
///   that is not [valid](super::AnthropicConfig::validate). The HTTP service is not called.
/// - [`ModelError::Provider`]: a status other than 2xx, with status, code and request id; or, from the
///   stream, an error that the answer reports.
/// - [`ModelError::Transport`]: the HTTP service failed; or, from the stream, its body did.
/// - [`ModelError::Truncated`], from the stream: the body ended too soon.
///
/// A service that is not ready in turn fails with its error as a transport error.
#[derive(Debug, Clone)]
pub struct AnthropicModel<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> AnthropicModel<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }

    fn request(&self, request: ChatRequest) -> Result<Request<Full<Bytes>>, ModelError> {
        let endpoint = self.settings.endpoint.as_ref();
        let endpoint = endpoint.map_err(|error| ModelError::invalid(error.to_string()))?;
        let body = request::body(&request, self.settings.config.default_max_tokens)?;
        Ok(endpoint.request(body, request.extensions))
    }
}

impl<S, B> Service<ChatRequest> for AnthropicModel<S>
where
    S: Service<Request<Full<Bytes>>, Response = http::Response<B>>,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = ChatStream;
    type Error = ModelError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(|error| ModelError::Transport(error.into()))
    }

    fn call(&mut self, request: ChatRequest) -> Self::Future {
        let stream = request.stream;
        match self.request(request) {
            Ok(request) => ResponseFuture::new(self.inner.call(request), ANSWERS, stream),
            Err(error) => ResponseFuture::failed(error),
        }
    }
}
