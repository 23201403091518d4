use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{ConfigError, Secret};

/// Returns the headers of requests with a JSON body.
pub(super) fn json() -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

/// Adds the user's headers, which replace existing ones.
pub(super) fn add(headers: &mut HeaderMap, more: &[(String, Secret)]) -> Result<(), ConfigError> {
    for (name, text) in more {
        let field = format!("header {name:?}");
        let header = HeaderName::try_from(name).map_err(|error| {
            ConfigError::invalid(field.clone(), "is not a valid header name").with_source(error)
        })?;
        headers.insert(header, secret(field, text.expose())?);
    }
    Ok(())
}

/// Returns a header of the provider, whose value is the `field` of a configuration.
pub(super) fn own(
    name: &'static str,
    field: &'static str,
    text: &str,
) -> Result<(HeaderName, HeaderValue), ConfigError> {
    Ok((HeaderName::from_static(name), value(field, text)?))
}

pub(super) fn secret(
    field: impl Into<Cow<'static, str>>,
    text: &str,
) -> Result<HeaderValue, ConfigError> {
    let mut value = value(field, text)?;
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn bearer(key: &str) -> Result<HeaderValue, ConfigError> {
    secret("api_key", &format!("Bearer {key}"))
}

/// Returns the value of a header. Stricter than [`HeaderValue::from_str`], which accepts bytes outside of ASCII.
pub(super) fn value(
    field: impl Into<Cow<'static, str>>,
    text: &str,
) -> Result<HeaderValue, ConfigError> {
    let visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    HeaderValue::from_str(text)
        .ok()
        .filter(|_| visible)
        .ok_or_else(|| ConfigError::invalid(field, "must be plain ASCII without line breaks"))
}
