use crate::model::{
    ConfigError, Secret,
    base_url::BaseUrl,
    connection::{Connection, connected},
    environment::Environment,
};

pub(super) const BASE_URL: BaseUrl = BaseUrl {
    example: "https://api.anthropic.com",
    path: "/v1/messages",
    excess: &["/v1", "/v1/messages"],
};

/// The configuration of an [`AnthropicModel`](super::AnthropicModel).
///
/// The `Debug` form omits the key, the values of extra headers, and an invalid base URL, which may hold a secret.
///
/// ```
/// use tower_llm_callbacks::model::anthropic::{AnthropicConfig, Auth};
///
/// let config = AnthropicConfig::new("sk-ant-…")
///     .base_url("http://127.0.0.1:8080/anthropic")
///     .version("2026-10-21")
///     .auth(Auth::Bearer)
///     .beta("interleaved-thinking-2025-05-14");
/// assert!(config.validate().is_err(), "a key is plain ASCII");
/// ```
#[derive(Debug, Clone)]
pub struct AnthropicConfig {
    pub(super) connection: Connection,
    pub(super) version: String,
    pub(super) auth: Auth,
    pub(super) betas: Vec<String>,
    pub(super) default_max_tokens: Option<u32>,
}

/// The header that carries the API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Auth {
    /// `x-api-key`.
    #[default]
    ApiKey,
    /// `authorization`, as a bearer token.
    Bearer,
}

impl AnthropicConfig {
    /// Creates a configuration for the public API, version 2023-06-01, with the key in `x-api-key`.
    pub fn new(api_key: impl Into<Secret>) -> Self {
        Self::over(Connection::new(BASE_URL, Some(api_key.into())))
    }

    fn over(connection: Connection) -> Self {
        Self {
            connection,
            version: "2023-06-01".to_owned(),
            auth: Auth::ApiKey,
            betas: Vec::new(),
            default_max_tokens: Some(4096),
        }
    }

    /// Creates a configuration from the environment variables `ANTHROPIC_API_KEY` and, if set,
    /// `ANTHROPIC_BASE_URL`.
    ///
    /// # Errors
    ///
    /// Returns an error if the key is not set or if a variable is invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_environment(&Environment::process())
    }

    fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let (key, url) = ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL");
        let config = Self::over(Connection::from_environment(BASE_URL, environment, key, url)?);
        config.validate()?;
        Ok(config)
    }

    /// Sets the version of the API. `2026-10-21` accepts no sampling fields.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Sets the header that carries the key.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Adds a beta feature to the requests.
    #[must_use]
    pub fn beta(mut self, name: impl Into<String>) -> Self {
        self.betas.push(name.into());
        self
    }

    /// Sets the default of `max_tokens` (4096). Without a default, requests without `max_tokens` are refused,
    /// since the API requires it.
    #[must_use]
    pub fn default_max_tokens(mut self, tokens: impl Into<Option<u32>>) -> Self {
        self.default_max_tokens = tokens.into();
        self
    }
}

connected! {
    /// Sets the URL to which `/v1/messages` is appended: an `http` or `https` URL without user and query, possibly
    /// with a path.
    AnthropicConfig
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<AnthropicConfig, ConfigError> {
        AnthropicConfig::from_environment(&Environment::of(variables))
    }

    fn key(config: &AnthropicConfig) -> &str {
        config.connection.api_key.as_ref().unwrap().expose()
    }

    #[test]
    fn key_and_url_are_read_from_the_environment() {
        let config = from(&[("ANTHROPIC_API_KEY", "k\n"), ("ANTHROPIC_BASE_URL", "http://h/p")]);
        let config = config.unwrap();
        assert_eq!((key(&config), config.connection.base_url.as_str()), ("k", "http://h/p"));

        let config = from(&[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_BASE_URL", "")]).unwrap();
        assert_eq!(config.connection.base_url, "https://api.anthropic.com");
    }

    #[test]
    fn errors_name_the_missing_or_invalid_value() {
        for variables in [&[][..], &[("ANTHROPIC_API_KEY", " ")]] {
            let error = from(variables).unwrap_err();
            assert!(error.is_missing() && error.field() == "ANTHROPIC_API_KEY", "{error}");
        }
        let error = from(&[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_BASE_URL", "nowhere")]);
        let error = error.unwrap_err();
        assert!(error.is_invalid() && error.field() == "base_url", "{error}");
    }
}
