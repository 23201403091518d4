//! A typical reverse proxy with axum and hyper, and its clients.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower_http::trace::TraceLayer;
use tracing::Span;

use crate::{
    upstream::serve,
    work::{Count, counting},
};

fn client<B>() -> Client<HttpConnector, B>
where
    B: http_body::Body<Data: Send> + Send,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        // With thousands of streams in each proxy, idle connections add up.
        .pool_max_idle_per_host(64)
        .build(connector)
}

async fn forward(
    State((client, upstream)): State<(Client<HttpConnector, Body>, SocketAddr)>,
    mut request: Request,
) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = format!("http://{upstream}{path}").parse().expect("a target");
    request.headers_mut().remove("host");
    client.request(request).await.expect("an answer").into_response()
}

pub(crate) fn to(upstream: SocketAddr) -> Router {
    Router::new().fallback(forward).with_state((client(), upstream))
}

/// A proxy without a layer, one with this crate's layer, and one with `TraceLayer`.
pub(crate) struct Proxies {
    pub(crate) bare: SocketAddr,
    pub(crate) layered: SocketAddr,
    pub(crate) traced: SocketAddr,
    pub(crate) count: Arc<Count>,
    pub(crate) chunks: Arc<AtomicU64>,
}

impl Proxies {
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let count = Arc::<Count>::default();
        let chunks = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&chunks);
        let trace =
            TraceLayer::new_for_http().on_body_chunk(move |_: &Bytes, _: Duration, _: &Span| {
                counted.fetch_add(1, Ordering::Relaxed);
            });
        Self {
            bare: serve(to(upstream)).await,
            layered: serve(to(upstream).layer(counting(&count))).await,
            traced: serve(to(upstream).layer(trace)).await,
            count,
            chunks,
        }
    }
}

/// A client of a proxy.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    target: Uri,
}

impl Caller {
    pub(crate) fn new(proxy: SocketAddr) -> Self {
        let target = format!("http://{proxy}/v1/messages").parse().expect("a target");
        Self { client: client(), target }
    }

    pub(crate) async fn call(&self, body: Bytes) -> http::Response<Incoming> {
        let request = http::Request::post(self.target.clone()).body(Full::from(body));
        self.client.request(request.expect("a request")).await.expect("an answer")
    }
}
