use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

/// The HTTP client service of [`client`]: hyper's pooled client with rustls. Clones share the connections. `B` is
/// the request body, by default that of the typed models.
pub type HttpClient<B = Full<Bytes>> = Client<HttpsConnector<HttpConnector>, B>;

/// Creates an HTTP client service for the typed models.
///
/// The request body `B` is inferred from the layers above: [`RequestBody`](crate::http_layer::RequestBody) below an
/// [`HttpCallbackLayer`](crate::HttpCallbackLayer).
///
/// The client supports HTTP/1.1 and HTTP/2 over TLS with Mozilla's root certificates, and plain HTTP for `http`
/// URLs. It sets `TCP_NODELAY` and a connect timeout of 10 seconds. Other timeouts, retries, redirects and proxies
/// are left to other layers. Calls require a tokio runtime.
pub fn client<B>() -> HttpClient<B>
where
    B: Body + Send,
    B::Data: Send,
{
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(Duration::from_secs(10)));
    // Explicit, because the default provider is ambiguous if another crate enables a second one.
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
        .expect("ring supports the default protocol versions")
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(http);
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(https)
}
