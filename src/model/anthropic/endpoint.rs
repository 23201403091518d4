use http::HeaderMap;

use super::{AnthropicConfig, Auth};
use crate::model::{ConfigError, base_url::BaseUrl, endpoint::Endpoint, headers};

pub(super) const BASE_URL: BaseUrl = BaseUrl {
    example: "https://api.anthropic.com",
    path: "/v1/messages",
    too_much: &["/v1", "/v1/messages"],
};

pub(super) fn endpoint(config: &AnthropicConfig) -> Result<Endpoint, ConfigError> {
    Ok(Endpoint { uri: BASE_URL.uri(&config.base_url)?, headers: headers(config)? })
}

fn headers(config: &AnthropicConfig) -> Result<HeaderMap, ConfigError> {
    let mut headers = headers::of_json();

    if config.version.is_empty() {
        return Err(ConfigError::new("the version must not be empty: give one such as 2023-06-01"));
    }
    headers.insert("anthropic-version", headers::value("the version", &config.version)?);

    let key = config.api_key.expose();
    if key.is_empty() {
        return Err(ConfigError::new("the API key must not be empty"));
    }
    match config.auth {
        Auth::ApiKey => headers.insert("x-api-key", headers::secret("the API key", key)?),
        Auth::Bearer => headers.insert(http::header::AUTHORIZATION, headers::bearer(key)?),
    };
    if !config.betas.is_empty() {
        let betas = headers::value("a beta's name", &config.betas.join(","))?;
        headers.insert("anthropic-beta", betas);
    }
    headers::add(&mut headers, &config.headers)?;
    Ok(headers)
}
