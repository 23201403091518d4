use crate::model::{
    ConfigError, Secret,
    base_url::BaseUrl,
    connection::{Connection, KeyHeader, connected},
    endpoint::{Connect, Endpoint},
    environment::Environment,
};

const BASE_URL: BaseUrl = BaseUrl {
    example: "https://api.cohere.com",
    path: "/v2/embed",
    excess: &["/v1", "/v2", "/v2/embed"],
};

/// The configuration of Cohere's models.
///
/// The `Debug` form omits the key, the values of extra headers, and an invalid base URL, which may hold a secret.
///
/// ```
/// use tower_llm_callbacks::model::cohere::CohereConfig;
///
/// CohereConfig::new("key").validate()?;
/// assert!(CohereConfig::new("").validate().is_err());
/// # Ok::<_, tower_llm_callbacks::model::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct CohereConfig {
    connection: Connection,
}

impl CohereConfig {
    /// Creates a configuration for the public API.
    pub fn new(api_key: impl Into<Secret>) -> Self {
        Self { connection: Connection::new(BASE_URL, Some(api_key.into())) }
    }

    /// Creates a configuration from the environment variables `CO_API_KEY` and, if set, `CO_API_URL`.
    ///
    /// # Errors
    ///
    /// Returns an error if the key is not set or if a variable is invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        let (key, url) = ("CO_API_KEY", "CO_API_URL");
        let environment = Environment::process();
        let config =
            Self { connection: Connection::from_environment(BASE_URL, &environment, key, url)? };
        config.validate()?;
        Ok(config)
    }
}

connected! {
    /// Sets the URL to which `/v2/embed` is appended: an `http` or `https` URL without user and query.
    CohereConfig
}

impl Connect for CohereConfig {
    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        self.connection.endpoint(KeyHeader::Bearer, [])
    }
}
