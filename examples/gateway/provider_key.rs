use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
};

use crate::{query_key, targets::Target, tenants::KEYS};

/// Replaces the key of a client by that of the provider, if the gateway has one, in the header that the client used. One in the
/// query becomes a header.
pub(crate) fn replace(request: &mut Request, target: &Target) {
    let Some(key) = &target.key else { return };
    let was_in_query = query_key::remove(request.uri_mut());
    let headers = request.headers_mut();
    let used: Vec<HeaderName> =
        KEYS.iter().filter(|name| headers.contains_key(*name)).cloned().collect();
    for name in &used {
        headers.remove(name);
    }
    let usual = || match target.provider.as_ref().map(|provider| provider.name()) {
        Some("anthropic") => HeaderName::from_static("x-api-key"),
        Some("gcp.gemini") => HeaderName::from_static("x-goog-api-key"),
        _ if was_in_query => HeaderName::from_static("x-goog-api-key"),
        _ => header::AUTHORIZATION,
    };
    let name = used.into_iter().next().unwrap_or_else(usual);
    let value = match name == header::AUTHORIZATION {
        true => HeaderValue::from_str(&format!("Bearer {key}")),
        false => HeaderValue::from_str(key),
    };
    // Checked with the settings.
    if let Ok(mut value) = value {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}
