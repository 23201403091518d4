use super::request;
use crate::{
    chat::{ChatRequest, ModelError, identity::Identity},
    model::{
        ConfigError, ModelLayer, ModelService,
        api::Api,
        base_url::BaseUrl,
        connection::{Connection, KeyHeader, connected},
        endpoint::{Connect, Endpoint},
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
#[derive(Debug, Clone)]
pub struct OllamaConfig {
    connection: Connection,
}

impl OllamaConfig {
    /// Creates a configuration for a server on this machine, `http://localhost:11434`.
    pub fn new() -> Self {
        Self { connection: Connection::new(BASE_URL, None) }
    }
}

connected! {
    /// Sets the URL to which `/api/chat` is appended: an `http` or `https` URL without user and query.
    OllamaConfig
}

impl Default for OllamaConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl Connect for OllamaConfig {
    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        self.connection.endpoint(KeyHeader::Bearer, [])
    }
}

impl Api for OllamaConfig {
    fn request(&self, request: &ChatRequest) -> Result<(String, Vec<u8>), ModelError> {
        Ok((BASE_URL.path.to_owned(), request::body(request)?))
    }

    fn identity(&self) -> Identity {
        Identity { provider: "ollama", api: "chat" }
    }

    fn response_reader(&self) -> ResponseReader {
        ResponseReader { format: &OllamaChat, request_id: "x-request-id" }
    }
}
