use std::fmt;

use http::{HeaderMap, HeaderName, header};

use super::{
    ConfigError, Secret, base_url::BaseUrl, endpoint::Endpoint, environment::Environment, headers,
};

/// The settings that the configurations of all providers have: where requests go, with which key and headers.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) rules: BaseUrl,
    pub(super) base_url: String,
    pub(super) api_key: Option<Secret>,
    pub(super) headers: Vec<(String, Secret)>,
}

/// The header that carries the key.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyHeader {
    /// `authorization`, as a bearer token.
    Bearer,
    /// A header of the provider's own.
    Named(&'static str),
}

impl Connection {
    /// Creates the settings for the URL that the rules have as their example.
    pub(super) fn new(rules: BaseUrl, api_key: Option<Secret>) -> Self {
        let base_url = rules.example.to_owned();
        Self { rules, base_url, api_key, headers: Vec::new() }
    }

    /// Reads the key and, if its variable is set, the URL.
    pub(super) fn from_environment(
        rules: BaseUrl,
        environment: &Environment<'_>,
        key: &'static str,
        url: &'static str,
    ) -> Result<Self, ConfigError> {
        let connection = Self::new(rules, Some(environment.api_key(key)?.into()));
        Ok(match environment.optional(url)? {
            Some(base_url) => Self { base_url, ..connection },
            None => connection,
        })
    }

    /// Returns the endpoint: the user's headers replace the provider's `own`.
    pub(super) fn endpoint(
        &self,
        key: KeyHeader,
        own: impl IntoIterator<Item = Result<(HeaderName, http::HeaderValue), ConfigError>>,
    ) -> Result<Endpoint, ConfigError> {
        let mut all = headers::json();
        all.extend(own.into_iter().collect::<Result<HeaderMap, _>>()?);
        if let Some(secret) = self.api_key.as_ref().map(Secret::expose) {
            if secret.is_empty() {
                return Err(ConfigError::missing("api_key", "must not be empty"));
            }
            match key {
                KeyHeader::Bearer => all.insert(header::AUTHORIZATION, headers::bearer(secret)?),
                KeyHeader::Named(name) => all.insert(name, headers::secret("api_key", secret)?),
            };
        }
        headers::add(&mut all, &self.headers)?;
        Ok(Endpoint { base: self.rules.check(&self.base_url)?.to_owned(), headers: all })
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("base_url", &self.rules.debug(&self.base_url))
            .field("api_key", &self.api_key)
            .field("headers", &self.headers)
            .finish()
    }
}

/// Implements the setters of a configuration's `connection`. The docs are those of `base_url`.
macro_rules! connected {
    ($(#[$doc:meta])* $config:ident) => {
        impl $config {
            $(#[$doc])*
            #[must_use]
            pub fn base_url(mut self, url: impl Into<String>) -> Self {
                self.connection.base_url = url.into();
                self
            }

            /// Adds a header to every request. It replaces a header of the same name, and its value is treated as a secret.
            #[must_use]
            pub fn header(
                mut self,
                name: impl Into<String>,
                value: impl Into<$crate::model::Secret>,
            ) -> Self {
                self.connection.headers.push((name.into(), value.into()));
                self
            }

            /// Checks the configuration. A model with an invalid configuration refuses every request with the same message.
            ///
            /// # Errors
            ///
            /// Returns an error if the URL does not meet the requirements of [`base_url`](Self::base_url), or if the key, a
            /// header or another setting is empty or cannot be sent.
            pub fn validate(&self) -> Result<(), $crate::model::ConfigError> {
                $crate::model::endpoint::Connect::endpoint(self).map(drop)
            }
        }
    };
}

pub(super) use connected;
