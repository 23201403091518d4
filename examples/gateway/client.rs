use std::time::Duration;

use axum::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector>, Body>;

/// Shorter than the idle timeout of servers: a request on a connection that the server closes at the same time is lost,
/// and a POST must not be sent twice.
const IDLE: Duration = Duration::from_secs(20);

/// The number of bytes that an HTTP/2 stream may send ahead of a client that does not read. The connection's window is
/// much larger, so that such clients do not block other streams.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 64 << 20;

/// Creates the connector that all clients share, with its root certificates and TLS sessions.
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

/// Creates hyper's pooled client: HTTP/1.1 and, where TLS negotiates it, HTTP/2.
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
