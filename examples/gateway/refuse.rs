use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header},
    middleware::Next,
    response::Response,
};
use hyper::ext::Protocol;

use crate::upstream_error::error;

/// Refuses what the gateway does not forward: WebSockets and tunnels.
///
/// A client that tries a WebSocket first, such as Codex, falls back to HTTP at once on 426, but only after many retries on
/// anything else.
pub(crate) async fn sockets_and_tunnels(request: Request, next: Next) -> Response {
    if is_websocket(&request) {
        let message =
            "This gateway does not forward WebSockets: use HTTP, with server-sent events.";
        let mut response = error(StatusCode::UPGRADE_REQUIRED, "websocket_refused", message);
        // HTTP/2 has no such headers.
        if request.version() <= Version::HTTP_11 {
            let headers = response.headers_mut();
            headers.insert(header::UPGRADE, HeaderValue::from_static("HTTP/1.1"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        }
        return response;
    }
    if request.method() == Method::CONNECT {
        let message = "This gateway is no proxy for other hosts: send requests to its own URL.";
        let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
        let allowed = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        response.headers_mut().insert(header::ALLOW, allowed);
        return response;
    }
    next.run(request).await
}

/// Whether a request opens a WebSocket: by an upgrade over HTTP/1.1, or by an extended CONNECT over HTTP/2.
fn is_websocket(request: &Request) -> bool {
    let is_protocol = |protocol: &Protocol| protocol.as_str().eq_ignore_ascii_case("websocket");
    if request.method() == Method::CONNECT {
        return request.extensions().get::<Protocol>().is_some_and(is_protocol);
    }
    let headers = request.headers();
    has_token(headers, &header::CONNECTION, "upgrade")
        && has_token(headers, &header::UPGRADE, "websocket")
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case(token))
}
