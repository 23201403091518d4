use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Header fields of a single connection (RFC 9110 §7.6.1), and credentials for the proxy itself. `Trailer` is not one of
/// them: trailers are forwarded.
const NAMES: [HeaderName; 7] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Removes these fields, and those that `Connection` names.
///
/// `Transfer-Encoding` overrides `Content-Length`, so that an intermediary removes both (RFC 9112 §6.3): the length is not
/// that of the body that was read.
pub(crate) fn remove(headers: &mut HeaderMap) {
    let trailers = accepts_trailers(headers);
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    headers.remove(header::CONNECTION);
    for name in named.iter().chain(&NAMES) {
        headers.remove(name);
    }
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

/// Returns whether the sender accepts trailers. The proxy forwards them, so it accepts them too.
fn accepts_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::TE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}
