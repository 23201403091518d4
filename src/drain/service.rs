use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use http::{Request, Response};
use http_body::Body;
use tower::Service;

use super::{
    DrainBody, DrainFuture, DrainStream, StreamDrainFuture,
    drains::{Drains, Limits},
    leaving::Leaving,
};
use crate::{
    accessors::accessors,
    bounds::{HttpService, ResultStream},
    run::InRun,
};

/// The service of a [`DrainLayer`](super::DrainLayer).
#[derive(Debug, Clone)]
pub struct Drain<S> {
    inner: S,
    drains: Arc<Drains>,
}

impl<S> Drain<S> {
    /// Wraps a service, with the default limits. A [`DrainLayer`](super::DrainLayer) sets others.
    pub fn new(inner: S) -> Self {
        Self::from_drains(inner, Arc::new(Drains::new(Limits::BODIES)))
    }

    pub(super) fn from_drains(inner: S, drains: Arc<Drains>) -> Self {
        Self { inner, drains }
    }

    accessors!();
}

impl<S, B, B2> Service<Request<B>> for Drain<S>
where
    S: HttpService<B, Response = Response<B2>>,
    S::Future: Send + 'static,
    B2: Body + Send + 'static,
{
    type Response = Response<DrainBody<B2>>;
    type Error = S::Error;
    type Future = DrainFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let leaving = Leaving::of_call(&self.drains);
        let mut scope = leaving.call_scope();
        let future = scope.enter(|| self.inner.call(request));
        DrainFuture::new(InRun::new(future, scope), leaving)
    }
}

/// The service of a [`StreamDrainLayer`](super::StreamDrainLayer).
#[derive(Debug, Clone)]
pub struct StreamDrain<S> {
    inner: S,
    drains: Arc<Drains>,
}

impl<S> StreamDrain<S> {
    /// Wraps a service, with the default limits. A [`StreamDrainLayer`](super::StreamDrainLayer) sets others.
    pub fn new(inner: S) -> Self {
        Self::from_drains(inner, Arc::new(Drains::new(Limits::STREAMS)))
    }

    pub(super) fn from_drains(inner: S, drains: Arc<Drains>) -> Self {
        Self { inner, drains }
    }

    accessors!();
}

impl<S, Req, St, T, E> Service<Req> for StreamDrain<S>
where
    S: Service<Req, Response = St>,
    S::Future: Send + 'static,
    St: ResultStream + Stream<Item = Result<T, E>> + Send + 'static,
{
    type Response = DrainStream<St>;
    type Error = S::Error;
    type Future = StreamDrainFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let leaving = Leaving::of_call(&self.drains);
        let mut scope = leaving.call_scope();
        let future = scope.enter(|| self.inner.call(request));
        StreamDrainFuture::new(InRun::new(future, scope), leaving)
    }
}
