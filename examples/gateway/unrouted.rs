use std::{convert::Infallible, future::pending};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use futures::{FutureExt, stream};
use tower::ServiceExt;

/// A call whose body is read for its model, outside of the layer. If that is dropped, because the client has left, the
/// call is observed all the same.
pub(crate) struct Unrouted(Option<(Router, Request)>);

/// Returns the service below the layer of such calls.
pub(crate) fn service() -> Router {
    Router::new().fallback(async || pending::<Response>().await)
}

impl Unrouted {
    /// Expects a [service] with the layer, and the request whose body is read.
    pub(crate) fn new(layered: &Router, request: &Request) -> Self {
        let mut head =
            Request::new(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()));
        *head.method_mut() = request.method().clone();
        *head.uri_mut() = request.uri().clone();
        *head.headers_mut() = request.headers().clone();
        *head.extensions_mut() = request.extensions().clone();
        Self(Some((layered.clone(), head)))
    }

    /// The body was read.
    pub(crate) fn routed(mut self) {
        self.0 = None;
    }
}

impl Drop for Unrouted {
    fn drop(&mut self) {
        if let Some((layered, head)) = self.0.take() {
            // The first poll starts the run, and the drop of the future cancels it.
            let _ = layered.oneshot(head).now_or_never();
        }
    }
}
