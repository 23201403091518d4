use std::{convert::Infallible, future::pending};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    response::Response,
};
use futures::{FutureExt, stream};
use http_body_util::{BodyExt, Full, Limited};
use tower::ServiceExt;

use crate::{
    upload,
    uploads::LONGEST,
    upstream_error::{no_request, no_room, no_upstream},
};

/// A call whose body is read for its model, outside of the layer. If that is dropped, because the client has left, or the
/// call is refused, it is observed all the same.
pub(crate) struct Unrouted(Option<(Router, Request)>);

/// Why a call is refused before it is known where it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    /// Its body is larger than the limit.
    TooLarge,
    /// The bodies of all calls together have reached the limit, and what was read has no model.
    NoRoom,
    /// No upstream takes it.
    NoUpstream,
}

/// Returns the service below the layer of such calls.
pub(crate) fn service() -> Router {
    Router::new().fallback(async |mut request: Request| {
        match request.extensions_mut().remove::<Refusal>() {
            Some(Refusal::TooLarge) => {
                // It fails, so that the layer sees that the request is invalid.
                let _ = request.into_body().collect().await;
                no_request(StatusCode::PAYLOAD_TOO_LARGE)
            }
            Some(Refusal::NoRoom) => no_room(),
            Some(Refusal::NoUpstream) => match read(request.into_body()).await {
                // Its model may not have arrived.
                Err(error) => no_request(upload::status(&error)),
                Ok(()) => no_upstream(),
            },
            None => pending::<Response>().await,
        }
    })
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

    /// Returns the response to a call that is refused before its body was read.
    pub(crate) async fn refuse(mut self, refusal: Refusal) -> Response {
        let Some((layered, mut head)) = self.0.take() else { return no_room() };
        *head.body_mut() = match refusal {
            // One that is too large from its beginning.
            Refusal::TooLarge => Body::new(Limited::new(Full::from("too large"), 0)),
            Refusal::NoRoom | Refusal::NoUpstream => Body::empty(),
        };
        refused(&layered, head, refusal).await
    }
}

/// Returns the response to a request that is refused, of a [service] with the layer: it is observed if it is a call.
pub(crate) async fn refused(layered: &Router, mut request: Request, refusal: Refusal) -> Response {
    request.extensions_mut().insert(refusal);
    match layered.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Reads a body, for its events, as far as it is read for its model.
async fn read(mut body: Body) -> Result<(), axum::Error> {
    let mut bytes = 0;
    while bytes <= LONGEST
        && let Some(frame) = body.frame().await
    {
        bytes += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(())
}

impl Drop for Unrouted {
    fn drop(&mut self) {
        if let Some((layered, head)) = self.0.take() {
            // The first poll starts the run, and the drop of the future cancels it.
            let _ = layered.oneshot(head).now_or_never();
        }
    }
}
