use std::fmt;

use http::Uri;

use super::request;
use crate::{
    chat::{ChatRequest, ModelError, identity::Identity},
    model::{
        ConfigError, ModelLayer, ModelService, Secret,
        api::{Api, Endpoint},
        base_url::BaseUrl,
        environment::Environment,
        headers,
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
#[derive(Clone)]
pub struct GeminiConfig {
    api_key: Secret,
    base_url: String,
    headers: Vec<(String, Secret)>,
}

impl GeminiConfig {
    /// Creates a configuration for Google AI.
    pub fn new(api_key: impl Into<Secret>) -> Self {
        let base_url = BASE_URL.example.to_owned();
        Self { api_key: api_key.into(), base_url, headers: Vec::new() }
    }

    /// Creates a configuration from the environment variables `GEMINI_API_KEY` and, if set, `GOOGLE_GEMINI_BASE_URL`.
    ///
    /// # Errors
    ///
    /// Returns an error if the key is not set or if a variable is invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        let environment = Environment::process();
        let mut config = Self::new(environment.api_key("GEMINI_API_KEY")?);
        if let Some(url) = environment.optional("GOOGLE_GEMINI_BASE_URL")? {
            config = config.base_url(url);
        }
        config.validate()?;
        Ok(config)
    }

    /// Sets the URL to which `/v1beta/models/…` is appended: an `http` or `https` URL without user and query.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Adds a header to every request. It replaces a header of the same name, and its value is treated as a secret.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Checks the configuration. A model with an invalid configuration refuses every request with the same message.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is invalid, or if the key or a header cannot be sent.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.endpoint().map(drop)
    }
}

impl Api for GeminiConfig {
    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        let mut headers = headers::json();
        let key = self.api_key.expose();
        if key.is_empty() {
            return Err(ConfigError::missing("api_key", "must not be empty"));
        }
        headers.insert("x-goog-api-key", headers::secret("api_key", key)?);
        headers::add(&mut headers, &self.headers)?;
        Ok(Endpoint { uri: BASE_URL.uri(&self.base_url)?, headers })
    }

    fn uri(&self, endpoint: &Endpoint, request: &ChatRequest) -> Result<Uri, ModelError> {
        let model = request.model.strip_prefix("models/").unwrap_or(&request.model);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if model.is_empty() || !model.bytes().all(plain) {
            let message =
                "the model is no name such as gemini-2.5-flash: pass one to ChatRequest::new";
            return Err(ModelError::invalid(message));
        }
        let method =
            if request.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        let uri = format!("{}{model}:{method}", endpoint.uri);
        uri.parse().map_err(|_| ModelError::invalid("the URL of the model is too long"))
    }

    fn body(&self, request: &ChatRequest) -> Result<Vec<u8>, ModelError> {
        request::body(request)
    }

    fn identity(&self) -> Identity {
        Identity { provider: "gcp.gemini", api: "generate_content" }
    }

    fn response_reader(&self) -> ResponseReader {
        ResponseReader { format: &Gemini, request_id: "x-request-id" }
    }
}

impl fmt::Debug for GeminiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeminiConfig")
            .field("api_key", &self.api_key)
            .field("base_url", &BASE_URL.debug(&self.base_url))
            .field("headers", &self.headers)
            .finish()
    }
}
