use std::{
    fmt::Display,
    future::poll_fn,
    mem,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use http_body::Body;
use tower::{BoxError, Service};

use super::{
    RequestBody, ResponseBody, ResponseFuture,
    capture::Capture,
    pattern::RequestPath,
    propagation::traceparent,
    routes::Found,
    settings::Settings,
    waiting::{Captured, Started, Waiting},
};
use crate::{
    accessors::accessors,
    bounds::{CloneService, HttpService},
    callbacks::Callbacks,
    lifecycle::CallFuture,
    redact,
    run::Scope,
    wire,
};

/// The service of an [`HttpCallbackLayer`](crate::HttpCallbackLayer).
///
/// Readiness is that of the inner service. The inner service is `Clone`, because a call may have to wait for the
/// request's body and for handlers before it is made: then the ready service is moved into the future, and a clone takes
/// its place.
#[derive(Debug, Clone)]
pub struct HttpCallbackService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> HttpCallbackService<S> {
    /// Wraps a service, and notifies a set of handlers of its LLM calls.
    ///
    /// A [`HttpCallbackLayer`](crate::HttpCallbackLayer) has more settings.
    pub fn new(inner: S, callbacks: impl Into<Callbacks>) -> Self {
        Self::from_settings(inner, Arc::new(Settings::new(callbacks.into())))
    }

    pub(super) fn from_settings(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }

    accessors!();

    /// Waits until the service is ready, and calls it.
    ///
    /// # Errors
    ///
    /// Those of the inner service.
    pub async fn oneshot<B, B2>(
        mut self,
        request: Request<B>,
    ) -> Result<Response<ResponseBody<B2>>, S::Error>
    where
        S: HttpService<RequestBody<B>, Response = Response<B2>> + CloneService,
        S::Error: Display + 'static,
        B: Body,
        B2: Body,
        B2::Error: Into<BoxError>,
    {
        poll_fn(|cx| Service::<Request<B>>::poll_ready(&mut self, cx)).await?;
        Service::<Request<B>>::call(&mut self, request).await
    }
}

impl<S, B, B2> Service<Request<B>> for HttpCallbackService<S>
where
    S: HttpService<RequestBody<B>, Response = Response<B2>> + CloneService,
    S::Error: Display + 'static,
    B: Body,
    B2: Body,
    B2::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<B2>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, S::Future, B2, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Settings { routes, spec, max_request_bytes, budget, propagation, unobserved, .. } =
            &*self.settings;
        let normal = wire::normal(request.uri().path());
        let had_slash = request.uri().path().ends_with('/');
        let path = RequestPath { normal: &normal, had_slash };
        let opened = match routes.find(request.method(), path) {
            Found::Call(matched) => {
                let carried = Some(request.extensions());
                let new_run = spec.open_untyped(carried, || traceparent(request.headers()));
                let provider = || self.settings.provider(path, request.extensions());
                new_run.map(|new_run| (matched, new_run, provider()))
            }
            Found::Unknown => {
                unobserved.count(request.method(), &normal);
                None
            }
            Found::Ignored => None,
        };
        propagation.strip(request.headers_mut());
        let Some((matched, new_run, provider)) = opened else {
            Scope::carry(request.extensions_mut());
            let request = request.map(RequestBody::unobserved);
            return ResponseFuture::unobserved(self.inner.call(request));
        };

        let (mut head, body) = request.into_parts();
        redact::mark_sensitive(&mut head.headers);
        let capture = Capture::new(body, *max_request_bytes, Some(budget));
        let mut waiting = Waiting::new(head, capture, new_run, matched, provider, &self.settings);
        // A body that has arrived costs no detour. One that has not is polled again, with a waker.
        if waiting.poll_captured(&mut Context::from_waker(Waker::noop())).is_pending() {
            let clone = self.inner.clone();
            return ResponseFuture::capturing(mem::replace(&mut self.inner, clone), waiting);
        }
        let Started { request, emitter, answering, upload, prepare } = match waiting.start() {
            Captured::Started(started) => started,
            Captured::Unobserved(request) => {
                return ResponseFuture::unobserved(self.inner.call(request));
            }
        };
        let call = CallFuture::new(&mut self.inner, request, emitter, prepare);
        ResponseFuture::calling(call, answering, upload)
    }
}
