use axum::http::Uri;

/// The parameter in which clients of Google's APIs may send keys, in place of a header.
const NAME: &str = "key";

/// Returns the keys in the query of a request.
pub(crate) fn keys(uri: &Uri) -> impl Iterator<Item = String> {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    query.filter(|(name, _)| name == NAME).map(|(_, key)| key.into_owned())
}

/// Removes the keys from the query. The rest is unchanged. Returns whether there were any.
pub(crate) fn remove(uri: &mut Uri) -> bool {
    if keys(uri).next().is_none() {
        return false;
    }
    let is_key = |pair: &&str| {
        form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(name, _)| name == NAME)
    };
    let rest = uri.query().unwrap_or_default().split('&').filter(|pair| !is_key(pair));
    let rest = rest.collect::<Vec<_>>().join("&");
    let path = uri.path().to_owned();
    let separator = if rest.is_empty() { "" } else { "?" };
    let mut parts = std::mem::take(uri).into_parts();
    // A part of what was valid.
    parts.path_and_query = format!("{path}{separator}{rest}").parse().ok();
    *uri = Uri::from_parts(parts).unwrap_or_default();
    true
}
