//! A 413 of a layer above or below stays a 413, on observed paths and on others.

use std::convert::Infallible;

use axum::{Router, body::Body, response::IntoResponse, routing::post};
use bytes::Bytes;
use futures::stream;
use http::{Request, StatusCode};
use tower::ServiceExt;
use tower_http::limit::RequestBodyLimitLayer;
use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, testing::Recorder};

/// An upload of unknown length, so that the limit shows while it is read.
fn upload(path: &str) -> Request<Body> {
    let pieces = (0..20).map(|_| Ok::<_, Infallible>(Bytes::from_static(b"xxxxxxxxxx")));
    Request::post(path).body(Body::from_stream(stream::iter(pieces))).unwrap()
}

async fn read(body: Bytes) -> impl IntoResponse {
    body.len().to_string()
}

#[tokio::test]
async fn a_413_stays_a_413() {
    let callbacks = || HttpCallbackLayer::new(Callbacks::new().inline(Recorder::new()));
    let limit = || RequestBodyLimitLayer::new(50);
    let routes = || Router::new().route("/v1/messages", post(read)).route("/other", post(read));
    let stacks = [
        ("bare", routes().layer(limit())),
        ("above", routes().layer(callbacks()).layer(limit())),
        ("below", routes().layer(limit()).layer(callbacks())),
        ("above, twice", routes().layer(callbacks()).layer(callbacks()).layer(limit())),
        ("in one layer", routes().layer((limit(), callbacks()))),
        ("in one layer, below", routes().layer((callbacks(), limit()))),
    ];
    for (name, router) in stacks {
        for path in ["/v1/messages", "/other"] {
            let response = router.clone().oneshot(upload(path)).await.unwrap();
            assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{name}, {path}");
        }
    }
}
