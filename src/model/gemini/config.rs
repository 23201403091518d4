use super::request;
use crate::{
    chat::{ChatRequest, ModelError, identity::Identity},
    model::{
        ConfigError, ModelLayer, ModelService, Secret,
        api::Api,
        base_url::BaseUrl,
        connection::{Connection, KeyHeader, connected},
        endpoint::{Connect, Endpoint},
        environment::Environment,
        response_reader::ResponseReader,
    },
    wire::gemini::Gemini,
};

const BASE_URL: BaseUrl = BaseUrl {
    example: "https://generativelanguage.googleapis.com",
    path: "/v1beta/models/",
    excess: &["/v1beta", "/models"],
};

/// A layer that turns an HTTP client service into a [`GeminiModel`].
pub type GeminiLayer = ModelLayer<GeminiConfig>;

/// A service from [`ChatRequest`] to [`ChatStream`](crate::chat::ChatStream) over an HTTP client service, for Google's
/// Gemini API.
///
/// # Errors
///
/// Those of an [`AnthropicModel`](crate::model::anthropic::AnthropicModel). The name of a model that is no part of a path,
/// and the result of a call that is not in the conversation, are invalid too.
pub type GeminiModel<S> = ModelService<S, GeminiConfig>;

/// The configuration of a [`GeminiModel`].
///
/// The `Debug` form omits the key, the values of extra headers, and an invalid base URL, which may hold a secret.
///
/// ```
/// use tower_llm_callbacks::model::gemini::GeminiConfig;
///
/// GeminiConfig::new("key").validate()?;
/// assert!(GeminiConfig::new("").validate().is_err());
/// # Ok::<_, tower_llm_callbacks::model::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct GeminiConfig {
    connection: Connection,
}

impl GeminiConfig {
    /// Creates a configuration for Google AI.
    pub fn new(api_key: impl Into<Secret>) -> Self {
        Self { connection: Connection::new(BASE_URL, Some(api_key.into())) }
    }

    /// Creates a configuration from the environment variables `GEMINI_API_KEY` and, if set, `GOOGLE_GEMINI_BASE_URL`.
    ///
    /// # Errors
    ///
    /// Returns an error if the key is not set or if a variable is invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        let (key, url) = ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL");
        let environment = Environment::process();
        let config =
            Self { connection: Connection::from_environment(BASE_URL, &environment, key, url)? };
        config.validate()?;
        Ok(config)
    }
}

connected! {
    /// Sets the URL to which `/v1beta/models/…` is appended: an `http` or `https` URL without user and query.
    GeminiConfig
}

impl Connect for GeminiConfig {
    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        self.connection.endpoint(KeyHeader::Named("x-goog-api-key"), [])
    }
}

impl Api for GeminiConfig {
    fn request(&self, request: &ChatRequest) -> Result<(String, Vec<u8>), ModelError> {
        let method =
            if request.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        Ok((path(&request.model, method)?, request::body(request)?))
    }

    fn identity(&self) -> Identity {
        Identity { provider: "gcp.gemini", api: "generate_content" }
    }

    fn response_reader(&self) -> ResponseReader {
        ResponseReader { format: &Gemini, request_id: "x-request-id" }
    }
}

/// Returns the path of a method of a model.
pub(super) fn path(model: &str, method: &str) -> Result<String, ModelError> {
    let model = model.strip_prefix("models/").unwrap_or(model);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if model.is_empty() || !model.bytes().all(plain) {
        let message =
            "the model is no name such as gemini-2.5-flash: pass one to the request's new";
        return Err(ModelError::invalid(message));
    }
    Ok(format!("{}{model}:{method}", BASE_URL.path))
}
