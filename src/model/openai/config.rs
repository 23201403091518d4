use super::options::{MaxTokensField, OpenAiApi};
use crate::model::{
    ConfigError, Secret,
    connection::{Connection, connected},
    environment::Environment,
};

/// The configuration of an [`OpenAiModel`](super::OpenAiModel), for OpenAI or a compatible server.
///
/// The `Debug` form omits the key, the values of extra headers, and an invalid base URL, which may hold a secret.
///
/// ```
/// use tower_llm_callbacks::model::openai::{MaxTokensField, OpenAiApi, OpenAiConfig};
///
/// let openai = OpenAiConfig::new("sk-1").api(OpenAiApi::Responses).project("proj_1");
/// openai.validate()?;
///
/// let local = OpenAiConfig::without_key("http://localhost:11434/v1")
///     .max_tokens_field(MaxTokensField::MaxTokens);
/// local.validate()?;
/// # Ok::<_, tower_llm_callbacks::model::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    pub(super) connection: Connection,
    pub(super) organization: Option<String>,
    pub(super) project: Option<String>,
    pub(super) api: OpenAiApi,
    pub(super) include_usage: bool,
    pub(super) max_tokens_field: MaxTokensField,
}

impl OpenAiConfig {
    /// Creates a configuration for OpenAI's own API, `https://api.openai.com/v1`.
    pub fn new(api_key: impl Into<Secret>) -> Self {
        Self::over(Connection::new(OpenAiApi::default().base_url(), Some(api_key.into())))
    }

    /// Creates a configuration for a server that requires no key, for example a local one. No `authorization` is
    /// sent.
    pub fn without_key(base_url: impl Into<String>) -> Self {
        Self::over(Connection::new(OpenAiApi::default().base_url(), None)).base_url(base_url)
    }

    fn over(connection: Connection) -> Self {
        Self {
            connection,
            organization: None,
            project: None,
            api: OpenAiApi::default(),
            include_usage: true,
            max_tokens_field: MaxTokensField::default(),
        }
    }

    /// Creates a configuration from the environment variables `OPENAI_API_KEY` and, if set, `OPENAI_BASE_URL`,
    /// `OPENAI_ORG_ID` and `OPENAI_PROJECT_ID`.
    ///
    /// # Errors
    ///
    /// Returns an error if the key is not set or if a variable is invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_environment(&Environment::process())
    }

    fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let (key, url) = ("OPENAI_API_KEY", "OPENAI_BASE_URL");
        let rules = OpenAiApi::default().base_url();
        let mut config = Self::over(Connection::from_environment(rules, environment, key, url)?);
        config.organization = environment.optional("OPENAI_ORG_ID")?;
        config.project = environment.optional("OPENAI_PROJECT_ID")?;
        config.validate()?;
        Ok(config)
    }

    /// Sets the organization to bill, for keys that belong to several.
    #[must_use]
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.organization = Some(id.into());
        self
    }

    /// Sets the project that the calls belong to.
    #[must_use]
    pub fn project(mut self, id: impl Into<String>) -> Self {
        self.project = Some(id.into());
        self
    }

    /// Sets the API (default [Chat Completions](OpenAiApi::ChatCompletions)).
    ///
    /// Requests do not depend on the configuration. Set the names of provider and API in events on the request:
    ///
    /// ```
    /// use tower_llm_callbacks::chat::ChatRequest;
    ///
    /// let request = ChatRequest::new("gpt-4o-mini").api("responses").user("Hello");
    /// let local = ChatRequest::new("llama3.2").provider("ollama").api("chat_completions");
    /// ```
    #[must_use]
    pub fn api(mut self, api: OpenAiApi) -> Self {
        self.api = api;
        self.connection.rules = api.base_url();
        self
    }

    /// Sets whether streamed Chat Completions request the usage with `stream_options` (default true). If not, most
    /// servers omit it from a stream; some do not support the field. All other answers include their usage anyway.
    #[must_use]
    pub fn include_usage(mut self, include: bool) -> Self {
        self.include_usage = include;
        self
    }

    /// Sets the field of Chat Completions that carries a request's `max_tokens`.
    #[must_use]
    pub fn max_tokens_field(mut self, field: MaxTokensField) -> Self {
        self.max_tokens_field = field;
        self
    }

    /// Whether requests go to OpenAI itself.
    pub(super) fn is_openai(&self) -> bool {
        let uri = self.connection.base_url.parse::<http::Uri>();
        uri.is_ok_and(|uri| uri.host().is_some_and(|host| host.ends_with("openai.com")))
    }
}

connected! {
    /// Sets the URL to which `/chat/completions`, `/responses` or `/embeddings` is appended, as in OpenAI's own libraries: an
    /// `http` or `https` URL without user and query, possibly with a path.
    ///
    /// It usually ends in `/v1`, as in `http://localhost:8000/v1` (vLLM), `http://localhost:8080/v1` (llama.cpp),
    /// `http://localhost:11434/v1` (Ollama) and `https://api.groq.com/openai/v1`.
    OpenAiConfig
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<OpenAiConfig, ConfigError> {
        OpenAiConfig::from_environment(&Environment::of(variables))
    }

    #[test]
    fn key_url_organization_and_project_are_read_from_the_environment() {
        let config = from(&[
            ("OPENAI_API_KEY", "k\n"),
            ("OPENAI_BASE_URL", "http://h/v1"),
            ("OPENAI_ORG_ID", "org-1"),
            ("OPENAI_PROJECT_ID", "proj_1"),
        ])
        .unwrap();
        assert_eq!(config.connection.api_key.unwrap().expose(), "k");
        assert_eq!(config.connection.base_url, "http://h/v1");
        assert_eq!(config.organization.as_deref(), Some("org-1"));
        assert_eq!(config.project.as_deref(), Some("proj_1"));

        let config = from(&[("OPENAI_API_KEY", "k"), ("OPENAI_ORG_ID", " ")]).unwrap();
        assert_eq!(config.connection.base_url, "https://api.openai.com/v1");
        assert_eq!((config.organization, config.project), (None, None));
    }

    #[test]
    fn errors_name_the_missing_or_invalid_value() {
        for variables in [&[][..], &[("OPENAI_API_KEY", " ")]] {
            let error = from(variables).unwrap_err();
            assert!(error.is_missing() && error.field() == "OPENAI_API_KEY", "{error}");
        }
        for (name, value, field) in
            [("OPENAI_BASE_URL", "nowhere", "base_url"), ("OPENAI_PROJECT_ID", "ü", "project")]
        {
            let error = from(&[("OPENAI_API_KEY", "k"), (name, value)]).unwrap_err();
            assert!(error.is_invalid() && error.field() == field, "{error}");
        }
    }
}
