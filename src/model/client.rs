use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

/// The HTTP client service that [`client`] makes: hyper's pooled client with rustls. Cheap to clone;
/// clones share their connections. `B` is the body of its requests, by default that of the typed models.
pub type HttpClient<B = Full<Bytes>> = Client<HttpsConnector<HttpConnector>, B>;

/// An HTTP client service for the typed models.
///
/// Its requests' body is the one that the layers above it send: [`RequestBody`](crate::http_layer::RequestBody)
/// below an [`HttpCallbackLayer`](crate::HttpCallbackLayer).
///
/// It speaks HTTP/1.1 and HTTP/2 over TLS with Mozilla's roots, and plain HTTP where the URL says
/// so, for servers on this machine. `TCP_NODELAY` is set and connecting is given up after 10
/// seconds; there is no other deadline, no retry of answers, no redirect and no proxy: those are
/// other layers' work. It needs a tokio runtime when it is called.
pub fn client<B>() -> HttpClient<B>
where
    B: Body + Send,
    B::Data: Send,
{
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(Duration::from_secs(10)));
    // Named, because the process's default is ambiguous where other crates bring in another one.
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
        .expect("ring has cipher suites for the default protocol versions")
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(http);
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(https)
}
