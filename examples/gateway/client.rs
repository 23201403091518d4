use std::time::Duration;

use axum::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector>, Body>;

/// Shorter than servers keep idle connections open: a request on one that is just being closed is
/// lost, and a POST must not be sent twice.
const IDLE: Duration = Duration::from_secs(20);

/// What an HTTP/2 stream may send ahead of a client that does not read. A connection's share is much
/// larger, so that such clients do not hold up the others on it.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 64 << 20;

/// What the clients share: roots of trust, and TLS sessions to resume.
pub(crate) fn connector() -> HttpsConnector<HttpConnector> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(Duration::from_secs(10)));
    HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
        .expect("ring has cipher suites for the default protocol versions")
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(http)
}

/// hyper's pooled client, for any body: HTTP/1.1 and, where TLS negotiates it, HTTP/2.
pub(crate) fn client(connector: HttpsConnector<HttpConnector>) -> HttpClient {
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .http1_preserve_header_case(true)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .build(connector)
}
