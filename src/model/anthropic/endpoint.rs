use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use super::{AnthropicConfig, Auth};
use crate::model::ConfigError;

/// What of every request is the same.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

impl Endpoint {
    pub(super) fn new(config: &AnthropicConfig) -> Result<Self, ConfigError> {
        Ok(Self { uri: uri(&config.base_url)?, headers: headers(config)? })
    }
}

/// The URL is not quoted in errors: what is wrong with it may be that it holds a secret.
pub(super) fn uri(base: &str) -> Result<Uri, ConfigError> {
    let wrong = |what| Err(ConfigError::new(format!("the base URL {what}")));
    let base = base.trim_end_matches('/');
    let Ok(parsed) = base.parse::<Uri>() else {
        return wrong("is not a URL: give one such as https://api.anthropic.com");
    };
    match parsed.scheme_str() {
        Some("http" | "https") => {}
        _ => return wrong("must begin with https:// or http://"),
    }
    if parsed.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return wrong("must not hold a user or password: the key is sent in a header");
    }
    if parsed.query().is_some() || base.contains('#') {
        return wrong("must not have a query or fragment: put it into a header");
    }
    if parsed.path().ends_with("/v1") || parsed.path().ends_with("/v1/messages") {
        return wrong("must be what comes before /v1/messages, which is added to it");
    }
    match format!("{base}/v1/messages").parse() {
        Ok(uri) => Ok(uri),
        Err(_) => wrong("is too long"),
    }
}

fn headers(config: &AnthropicConfig) -> Result<HeaderMap, ConfigError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));

    if config.version.is_empty() {
        return Err(ConfigError::new("the version must not be empty: give one such as 2023-06-01"));
    }
    headers.insert("anthropic-version", value("the version", &config.version)?);

    let key = config.api_key.expose();
    if key.is_empty() {
        return Err(ConfigError::new("the API key must not be empty"));
    }
    match config.auth {
        Auth::ApiKey => headers.insert("x-api-key", secret("the API key", key)?),
        Auth::Bearer => {
            headers.insert(header::AUTHORIZATION, secret("the API key", &format!("Bearer {key}"))?)
        }
    };
    if !config.betas.is_empty() {
        headers.insert("anthropic-beta", value("a beta's name", &config.betas.join(","))?);
    }
    for (name, text) in &config.headers {
        let Ok(header) = HeaderName::try_from(name) else {
            return Err(ConfigError::new(format!("{name:?} is not the name of a header")));
        };
        headers.insert(header, secret(&format!("the header {name}"), text.expose())?);
    }
    Ok(headers)
}

fn secret(what: &str, text: &str) -> Result<HeaderValue, ConfigError> {
    let mut value = value(what, text)?;
    value.set_sensitive(true);
    Ok(value)
}

fn value(what: &str, text: &str) -> Result<HeaderValue, ConfigError> {
    let visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    HeaderValue::from_str(text).ok().filter(|_| visible).ok_or_else(|| {
        ConfigError::new(format!(
            "{what} cannot be sent in a header: it has a line break or another character that is \
             not plain ASCII"
        ))
    })
}
