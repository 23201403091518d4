use std::fmt;

use crate::model::{ConfigError, Secret, api::Api, base_url::BaseUrl, environment::Environment};

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
#[derive(Clone)]
pub struct AnthropicConfig {
    pub(super) api_key: Secret,
    pub(super) base_url: String,
    pub(super) version: String,
    pub(super) auth: Auth,
    pub(super) betas: Vec<String>,
    pub(super) headers: Vec<(String, Secret)>,
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
        Self {
            api_key: api_key.into(),
            base_url: "https://api.anthropic.com".to_owned(),
            version: "2023-06-01".to_owned(),
            auth: Auth::ApiKey,
            betas: Vec::new(),
            headers: Vec::new(),
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
        let mut config = Self::new(environment.api_key("ANTHROPIC_API_KEY")?);
        if let Some(url) = environment.optional("ANTHROPIC_BASE_URL")? {
            config = config.base_url(url);
        }
        config.validate()?;
        Ok(config)
    }

    /// Sets the URL to which `/v1/messages` is appended: an `http` or `https` URL without user and query, possibly
    /// with a path.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
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

    /// Adds a header to every request. It replaces a header of the same name, and its value is treated as a secret.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the default of `max_tokens` (4096). Without a default, requests without `max_tokens` are refused,
    /// since the API requires it.
    #[must_use]
    pub fn default_max_tokens(mut self, tokens: impl Into<Option<u32>>) -> Self {
        self.default_max_tokens = tokens.into();
        self
    }

    /// Checks the configuration. A model with an invalid configuration refuses every request with the same message.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL does not meet the requirements of [`base_url`](Self::base_url), or if the key,
    /// the version or a header cannot be sent.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.endpoint().map(drop)
    }
}

impl fmt::Debug for AnthropicConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnthropicConfig")
            .field("api_key", &self.api_key)
            .field("base_url", &BASE_URL.debug(&self.base_url))
            .field("version", &self.version)
            .field("auth", &self.auth)
            .field("betas", &self.betas)
            .field("headers", &self.headers)
            .field("default_max_tokens", &self.default_max_tokens)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<AnthropicConfig, ConfigError> {
        AnthropicConfig::from_environment(&Environment::of(variables))
    }

    #[test]
    fn key_and_url_are_read_from_the_environment() {
        let config = from(&[("ANTHROPIC_API_KEY", "k\n"), ("ANTHROPIC_BASE_URL", "http://h/p")]);
        let config = config.unwrap();
        assert_eq!((config.api_key.expose(), config.base_url.as_str()), ("k", "http://h/p"));

        let config = from(&[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_BASE_URL", "")]).unwrap();
        assert_eq!(config.base_url, "https://api.anthropic.com");
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
