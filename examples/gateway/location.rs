use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::upstream::Upstream;

const NAMES: [HeaderName; 2] = [header::LOCATION, header::CONTENT_LOCATION];

/// Rewrites the headers that point at the upstream, so that a client that follows them comes back to the gateway: around it,
/// its calls would not be observed.
pub(crate) fn rewrite(headers: &mut HeaderMap, upstream: &Upstream) {
    for name in NAMES {
        for value in headers.get_all(&name).iter().cloned().collect::<Vec<_>>() {
            let rewritten = value.to_str().ok().and_then(|location| own(location, upstream));
            let Some(rewritten) = rewritten.and_then(|it| HeaderValue::try_from(it).ok()) else {
                continue;
            };
            headers.insert(&name, rewritten);
        }
    }
}

/// Returns the gateway's own path, with that at which the upstream is mounted, for a location at the upstream; `None` if the location is elsewhere, or relative.
fn own(location: &str, upstream: &Upstream) -> Option<String> {
    let location = location.trim();
    let path = match location.split_once("//") {
        // An absolute URL, or one with the scheme of the request.
        Some((scheme, rest)) if scheme.is_empty() || is_scheme(scheme) => {
            let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            if !upstream.is_origin(scheme.trim_end_matches(':'), authority) {
                return None;
            }
            path
        }
        _ if location.starts_with('/') => location,
        _ => return None,
    };
    let path = path.strip_prefix(upstream.prefix())?;
    match path.chars().next() {
        Some('/') => Some(format!("{}{path}", upstream.mount())),
        None | Some('?' | '#') => Some(format!("{}/{path}", upstream.mount())),
        // Another path with the same beginning.
        Some(_) => None,
    }
}

fn is_scheme(text: &str) -> bool {
    text.ends_with(':') && text[..text.len() - 1].bytes().all(|byte| byte.is_ascii_alphanumeric())
}
