use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use http_body_util::Full;
use tower::{BoxError, Service};

use super::{OpenAiApi, chat, layer::Settings, responses};
use crate::{
    chat::{ChatRequest, ChatStream, ModelError},
    model::ResponseFuture,
};

/// OpenAI's Chat Completions or Responses API as a service from [`ChatRequest`] to [`ChatStream`], over
/// an HTTP client service.
///
/// The HTTP request gets the request's extensions. Nothing is spawned: dropping the future or the
/// stream drops the HTTP call.
///
/// # Errors
///
/// - [`ModelError::InvalidRequest`]: no model, no message, `max_tokens` of 0; a sampling field that is
///   not a number; a tool call that is not the assistant's; for the Responses API, `stop` or `top_k`; a
///   configuration that is not [valid](super::OpenAiConfig::validate). The HTTP service is not called.
/// - [`ModelError::Provider`]: a status other than 2xx, with status, code and request id; or, from the
///   stream, an error that the answer reports, such as one in place of the answer.
/// - [`ModelError::Transport`]: the HTTP service failed; or, from the stream, its body did.
/// - [`ModelError::Truncated`], from the stream: the body ended too soon.
///
/// A service that is not ready in turn fails with its error as a transport error.
#[derive(Debug, Clone)]
pub struct OpenAiModel<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> OpenAiModel<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }

    fn request(&self, request: ChatRequest) -> Result<Request<Full<Bytes>>, ModelError> {
        let Settings { config, endpoint } = &*self.settings;
        let endpoint = endpoint.as_ref().map_err(|error| ModelError::invalid(error.to_string()))?;
        let body = match config.api {
            OpenAiApi::ChatCompletions => chat::body(&request, config)?,
            OpenAiApi::Responses => responses::body(&request)?,
        };
        Ok(endpoint.request(body, request.extensions))
    }
}

impl<S, B> Service<ChatRequest> for OpenAiModel<S>
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
        let (stream, answers) = (request.stream, self.settings.config.api.answers());
        match self.request(request) {
            Ok(request) => ResponseFuture::new(self.inner.call(request), answers, stream),
            Err(error) => ResponseFuture::failed(error),
        }
    }
}
