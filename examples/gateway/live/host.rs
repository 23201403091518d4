use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};

/// Whether a request may be answered at an address. On loopback only those are that name it: a page on the
/// web whose name is made to point here (DNS rebinding) would else read prompts with a visitor's browser.
pub(super) fn is_own(headers: &HeaderMap, listening: SocketAddr) -> bool {
    if !listening.ip().is_loopback() {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
