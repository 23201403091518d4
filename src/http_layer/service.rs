use std::{
    fmt::Display,
    mem,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use http_body::Body;
use tower::{BoxError, Service};

use super::{
    RequestBody, ResponseBody, ResponseFuture, call::Waiting, capture::Capture, layer::Settings,
    trace::traceparent,
};
use crate::{callbacks::RunConfig, redact};

/// The service of an [`HttpCallbackLayer`](crate::HttpCallbackLayer).
///
/// Readiness goes through. The inner service is `Clone`, since request body and start phase may have to be
/// waited for: then the service that is ready is moved into the future, and a clone takes its place.
#[derive(Debug, Clone)]
pub struct HttpCallbackService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> HttpCallbackService<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S, B, B2> Service<Request<B>> for HttpCallbackService<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<B2>> + Clone,
    S::Error: Display + 'static,
    B: Body,
    B2: Body,
    B2::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<B2>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, S::Future, Result<Response<B2>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Settings { routes, spec, max_request_bytes, propagation } = &*self.settings;
        let opened = routes.find(request.method(), request.uri().path()).and_then(|matched| {
            let carried = Some(request.extensions());
            let opened = spec.open_traced(carried, || traceparent(request.headers()))?;
            Some((matched, opened))
        });
        propagation.strip(request.headers_mut());
        let Some((matched, opened)) = opened else {
            return ResponseFuture::pass(self.inner.call(request.map(RequestBody::pass)));
        };

        let (mut head, body) = request.into_parts();
        // From here on the run hands on what its configuration said.
        head.extensions.remove::<RunConfig>();
        redact::mark_sensitive(&mut head.headers);
        let capture = Capture::new(body, *max_request_bytes);
        let mut waiting =
            Waiting::new(head, capture, opened, matched, (*max_request_bytes, *propagation));
        // A body that is at hand costs no detour. What is not is polled again, with a waker.
        if waiting.poll_captured(&mut Context::from_waker(Waker::noop())).is_pending() {
            return ResponseFuture::capturing(self.take_ready(), waiting);
        }
        let (mut call, mut request) = waiting.start();
        if call.may_call_at_once() {
            call.propagate(request.headers_mut());
            let future = call.enter(|| self.inner.call(request));
            ResponseFuture::calling(future, call)
        } else {
            ResponseFuture::starting(self.take_ready(), request, call)
        }
    }
}

impl<S: Clone> HttpCallbackService<S> {
    /// The service that is ready; its clone, which may not be, takes its place.
    fn take_ready(&mut self) -> S {
        let clone = self.inner.clone();
        mem::replace(&mut self.inner, clone)
    }
}
