use std::task::{Context, Poll};

use futures_core::Stream;
use http::{Request, Response};
use http_body::Body;
use tower::{BoxError, Service};

use super::{BodyTimeoutFuture, StreamTimeoutFuture, TimeoutBody, TimeoutStream, limits::Limits};
use crate::{
    accessors::accessors,
    bounds::{HttpService, IntoBoxError, ResultStream},
};

/// The service of a [`StreamTimeoutLayer`](super::StreamTimeoutLayer).
#[derive(Debug, Clone)]
pub struct StreamTimeout<S> {
    inner: S,
    limits: Limits,
}

impl<S> StreamTimeout<S> {
    /// Wraps a service, without limits. A [`StreamTimeoutLayer`](super::StreamTimeoutLayer) sets them.
    pub fn new(inner: S) -> Self {
        Self::from_limits(inner, Limits::default())
    }

    pub(super) fn from_limits(inner: S, limits: Limits) -> Self {
        Self { inner, limits }
    }

    accessors!();
}

impl<S, Req, St, T, E> Service<Req> for StreamTimeout<S>
where
    S: Service<Req, Response = St>,
    S::Error: IntoBoxError,
    St: ResultStream + Stream<Item = Result<T, E>>,
    E: IntoBoxError,
{
    type Response = TimeoutStream<St>;
    type Error = BoxError;
    type Future = StreamTimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let timer = self.limits.start();
        StreamTimeoutFuture::new(self.inner.call(request), timer)
    }
}

/// The service of a [`BodyTimeoutLayer`](super::BodyTimeoutLayer).
#[derive(Debug, Clone)]
pub struct BodyTimeout<S> {
    inner: S,
    limits: Limits,
}

impl<S> BodyTimeout<S> {
    /// Wraps a service, without limits. A [`BodyTimeoutLayer`](super::BodyTimeoutLayer) sets them.
    pub fn new(inner: S) -> Self {
        Self::from_limits(inner, Limits::default())
    }

    pub(super) fn from_limits(inner: S, limits: Limits) -> Self {
        Self { inner, limits }
    }

    accessors!();
}

impl<S, B, B2> Service<Request<B>> for BodyTimeout<S>
where
    S: HttpService<B, Response = Response<B2>>,
    B2: Body,
    B2::Error: Into<BoxError>,
{
    type Response = Response<TimeoutBody<B2>>;
    type Error = S::Error;
    type Future = BodyTimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let timer = self.limits.start();
        BodyTimeoutFuture::new(self.inner.call(request), timer)
    }
}
