use std::fmt;

use super::request;
use crate::{
    chat::{ChatRequest, ModelError, identity::Identity},
    model::{
        ConfigError, ModelLayer, ModelService, Secret,
        api::{Api, Endpoint},
        base_url::BaseUrl,
        headers,
        response_reader::ResponseReader,
    },
    wire::ollama::OllamaChat,
};

const BASE_URL: BaseUrl = BaseUrl {
    example: "http://localhost:11434",
    path: "/api/chat",
    excess: &["/api", "/api/chat", "/v1"],
};

/// A layer that turns an HTTP client service into an [`OllamaModel`].
pub type OllamaLayer = ModelLayer<OllamaConfig>;

/// A service from [`ChatRequest`] to [`ChatStream`](crate::chat::ChatStream) over an HTTP client service, for Ollama.
///
/// # Errors
///
/// Those of an [`AnthropicModel`](crate::model::anthropic::AnthropicModel). What Ollama has no form for is invalid too.
pub type OllamaModel<S> = ModelService<S, OllamaConfig>;

/// The configuration of an [`OllamaModel`].
///
/// ```
/// use tower_llm_callbacks::model::ollama::OllamaConfig;
///
/// OllamaConfig::new().validate()?;
/// OllamaConfig::new().base_url("https://ollama.com").header("authorization", "Bearer key").validate()?;
/// # Ok::<_, tower_llm_callbacks::model::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct OllamaConfig {
    base_url: String,
    headers: Vec<(String, Secret)>,
}

impl OllamaConfig {
    /// Creates a configuration for a server on this machine, `http://localhost:11434`.
    pub fn new() -> Self {
        Self { base_url: BASE_URL.example.to_owned(), headers: Vec::new() }
    }

    /// Sets the URL to which `/api/chat` is appended: an `http` or `https` URL without user and query.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Adds a header to every request. Its value is treated as a secret.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Checks the configuration. A model with an invalid configuration refuses every request with the same message.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is invalid, or if a header cannot be sent.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.endpoint().map(drop)
    }
}

impl Default for OllamaConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl Api for OllamaConfig {
    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        let mut headers = headers::json();
        headers::add(&mut headers, &self.headers)?;
        Ok(Endpoint { uri: BASE_URL.uri(&self.base_url)?, headers })
    }

    fn body(&self, request: &ChatRequest) -> Result<Vec<u8>, ModelError> {
        request::body(request)
    }

    fn identity(&self) -> Identity {
        Identity { provider: "ollama", api: "chat" }
    }

    fn response_reader(&self) -> ResponseReader {
        ResponseReader { format: &OllamaChat, request_id: "x-request-id" }
    }
}

impl fmt::Debug for OllamaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OllamaConfig")
            .field("base_url", &BASE_URL.debug(&self.base_url))
            .field("headers", &self.headers)
            .finish()
    }
}
