use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{ConfigError, Secret};

/// The headers that every request has.
pub(super) fn of_json() -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

/// Adds headers of the user's, in the place of those that are there.
pub(super) fn add(headers: &mut HeaderMap, more: &[(String, Secret)]) -> Result<(), ConfigError> {
    for (name, text) in more {
        let Ok(header) = HeaderName::try_from(name) else {
            return Err(ConfigError::new(format!("{name:?} is not the name of a header")));
        };
        headers.insert(header, secret(&format!("the header {name}"), text.expose())?);
    }
    Ok(())
}

pub(super) fn secret(what: &str, text: &str) -> Result<HeaderValue, ConfigError> {
    let mut value = value(what, text)?;
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn bearer(key: &str) -> Result<HeaderValue, ConfigError> {
    secret("the API key", &format!("Bearer {key}"))
}

pub(super) fn value(what: &str, text: &str) -> Result<HeaderValue, ConfigError> {
    let visible = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    HeaderValue::from_str(text).ok().filter(|_| visible).ok_or_else(|| {
        ConfigError::new(format!(
            "{what} cannot be sent in a header: it has a line break or another character that is \
             not plain ASCII"
        ))
    })
}
