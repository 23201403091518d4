use std::fmt;

use super::{
    Auth,
    endpoint::{BASE_URL, endpoint},
};
use crate::model::{ConfigError, Secret, environment};

/// Where Anthropic's Messages API is, and how to ask it.
///
/// The debug form shows neither the key nor the values of extra headers, and a base URL only where it
/// is one that can be used: another may hold a secret.
///
/// ```
/// use tower_llm_callbacks::model::anthropic::{AnthropicConfig, Auth};
///
/// let config = AnthropicConfig::new("sk-ant-…")
///     .base_url("http://127.0.0.1:8080/anthropic")
///     .version("2026-10-21")
///     .auth(Auth::Bearer)
///     .beta("interleaved-thinking-2025-05-14");
/// assert!(config.validate().is_err(), "that key is none");
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

impl AnthropicConfig {
    /// The public API, version 2023-06-01, with a key in `x-api-key`.
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

    /// As [`new`](Self::new), with the key in the environment variable `ANTHROPIC_API_KEY` and, where
    /// there is one, the URL in `ANTHROPIC_BASE_URL`.
    ///
    /// # Errors
    ///
    /// If there is no key, or one of the two cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(environment::variable)
    }

    fn from_variables(
        variable: impl Fn(&str) -> Result<Option<String>, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let variable = |name| variable(name).map(environment::filled);
        let key = variable("ANTHROPIC_API_KEY")?.ok_or_else(|| {
            ConfigError::new("set the environment variable ANTHROPIC_API_KEY to your API key")
        })?;
        let mut config = Self::new(key);
        if let Some(url) = variable("ANTHROPIC_BASE_URL")? {
            config = config.base_url(url);
        }
        config.validate()?;
        Ok(config)
    }

    /// Sets the URL to which `/v1/messages` is added: `http` or `https`, with a path if need be,
    /// without user and query.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Sets the version of the API. `2026-10-21` takes no sampling fields.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Sets how the key is sent.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Adds a beta feature to ask for.
    #[must_use]
    pub fn beta(mut self, name: impl Into<String>) -> Self {
        self.betas.push(name.into());
        self
    }

    /// Adds a header to every request; it takes the place of one that is sent anyway. Its value is
    /// treated as a secret.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the `max_tokens` of requests that have none, 4096 unless this is called. Without one such
    /// requests are refused, since the API takes none without.
    #[must_use]
    pub fn default_max_tokens(mut self, tokens: impl Into<Option<u32>>) -> Self {
        self.default_max_tokens = tokens.into();
        self
    }

    /// Whether it can be used. A model made with a configuration that cannot refuses every request
    /// with the same message.
    ///
    /// # Errors
    ///
    /// If the URL is none of those that [`base_url`](Self::base_url) takes, or the key, the version or
    /// a header cannot be sent.
    pub fn validate(&self) -> Result<(), ConfigError> {
        endpoint(self).map(drop)
    }
}

impl fmt::Debug for AnthropicConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnthropicConfig")
            .field("api_key", &self.api_key)
            .field("base_url", &BASE_URL.shown(&self.base_url))
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
        AnthropicConfig::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            Ok(found.map(|(_, value)| (*value).to_owned()))
        })
    }

    #[test]
    fn the_environment_gives_key_and_url() {
        let config = from(&[("ANTHROPIC_API_KEY", "k\n"), ("ANTHROPIC_BASE_URL", "http://h/p")]);
        let config = config.unwrap();
        assert_eq!((config.api_key.expose(), config.base_url.as_str()), ("k", "http://h/p"));

        let config = from(&[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_BASE_URL", "")]).unwrap();
        assert_eq!(config.base_url, "https://api.anthropic.com");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for variables in [&[][..], &[("ANTHROPIC_API_KEY", " ")]] {
            let error = from(variables).unwrap_err().to_string();
            assert!(error.contains("ANTHROPIC_API_KEY"), "{error}");
        }
        let error = from(&[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_BASE_URL", "nowhere")]);
        assert!(error.unwrap_err().to_string().contains("base URL"));
    }
}
