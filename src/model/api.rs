use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Uri};
use http_body_util::Full;

use super::{ConfigError, response_reader::ResponseReader};
use crate::chat::{ChatRequest, ModelError, identity::Identity};

/// The configuration of a typed model, which selects the provider's API.
///
/// Sealed. Implemented by [`AnthropicConfig`](super::anthropic::AnthropicConfig),
/// [`OpenAiConfig`](super::openai::OpenAiConfig), [`GeminiConfig`](super::gemini::GeminiConfig) and
/// [`OllamaConfig`](super::ollama::OllamaConfig).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the configuration of a typed model",
    note = "use an `AnthropicConfig`, `OpenAiConfig`, `GeminiConfig` or `OllamaConfig`; a model of your own is a `Service<ChatRequest>` whose response is a stream of `Result<ChatChunk, _>`"
)]
pub trait ModelConfig: Api {}

impl<C: Api> ModelConfig for C {}

/// A provider's API: where requests go, how they are written, and how responses are read.
#[expect(unnameable_types, reason = "the traits of models are sealed")]
pub trait Api {
    /// Returns the endpoint, or the reason why the configuration is invalid.
    fn endpoint(&self) -> Result<Endpoint, ConfigError>;

    /// Returns the URL of a request, for APIs that have the model in it.
    fn uri(&self, endpoint: &Endpoint, _request: &ChatRequest) -> Result<Uri, ModelError> {
        Ok(endpoint.uri.clone())
    }

    /// Returns the body of the HTTP request for a chat request.
    fn body(&self, request: &ChatRequest) -> Result<Vec<u8>, ModelError>;

    /// Returns the names of the provider and the API in events.
    fn identity(&self) -> Identity;

    /// Returns the reader for responses.
    fn response_reader(&self) -> ResponseReader;
}

/// The URL and headers that all requests have in common.
#[expect(unnameable_types, reason = "the traits of models are sealed")]
#[derive(Debug)]
pub struct Endpoint {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

impl Endpoint {
    pub(super) fn request(
        &self,
        uri: Uri,
        body: Vec<u8>,
        extensions: Extensions,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        *request.extensions_mut() = extensions;
        request
    }
}
