use std::{
    fmt,
    future::{Future, Ready, ready},
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use ::reqwest::{Body, Error, Request, Response};
use bytes::Bytes;
use tower::{BoxError, Layer, Service};

use crate::accessors::accessors;

/// Takes requests and returns responses of reqwest's own types, above a service of `http` types: the counterpart of a
/// [`ReqwestService`](super::ReqwestService), with other layers between.
///
/// For code that works with reqwest's types:
///
/// ```no_run
/// use tower::{Service, ServiceBuilder, ServiceExt};
/// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, model::{FromReqwestLayer, ReqwestService}};
///
/// # async fn answer() -> Result<(), reqwest::Error> {
/// let client = reqwest::Client::new();
/// let mut http = ServiceBuilder::new()
///     .layer(FromReqwestLayer::new())
///     .layer(HttpCallbackLayer::new(Callbacks::new()))
///     .service(ReqwestService::new(client.clone()));
///
/// let request = client.post("https://api.openai.com/v1/responses").body("{}").build()?;
/// let response = http.ready().await?.call(request).await?.error_for_status()?;
/// # drop(response);
/// # Ok(()) }
/// ```
///
/// And for clients that build a reqwest request for each attempt, such as async-openai: see [`build`](Self::build).
#[derive(Clone, Copy)]
pub struct FromReqwestLayer<F = Unchanged> {
    build: F,
}

/// The function of a [`FromReqwestLayer`] whose requests are reqwest's.
pub type Unchanged = fn(Request) -> Ready<Result<Request, Error>>;

impl FromReqwestLayer {
    /// Creates a layer for requests of reqwest's type.
    pub fn new() -> Self {
        Self { build: |request| ready(Ok(request)) }
    }
}

impl Default for FromReqwestLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> FromReqwestLayer<F> {
    /// Creates a layer for requests of which a closure makes one of reqwest's. Errors are those of the closure.
    ///
    /// This is async-openai's client below its retries, each of which is a run of its own:
    ///
    /// ```ignore
    /// let http = ServiceBuilder::new()
    ///     .layer(OpenAIRetryLayer::default())
    ///     .layer(FromReqwestLayer::build(|it: HttpRequestFactory| async move { it.build().await }))
    ///     .layer(HttpCallbackLayer::new(callbacks))
    ///     .service(ReqwestService::new(reqwest::Client::new()));
    /// let client = async_openai::Client::new().with_http_service(http);
    /// ```
    pub fn build<T, Fut, E>(build: F) -> Self
    where
        F: Fn(T) -> Fut,
        Fut: Future<Output = Result<Request, E>>,
    {
        Self { build }
    }
}

impl<S, F: Clone> Layer<S> for FromReqwestLayer<F> {
    type Service = FromReqwest<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        FromReqwest { inner, build: self.build.clone() }
    }
}

impl<F> fmt::Debug for FromReqwestLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromReqwestLayer").finish_non_exhaustive()
    }
}

/// The service of a [`FromReqwestLayer`].
#[derive(Clone)]
pub struct FromReqwest<S, F = Unchanged> {
    inner: S,
    build: F,
}

impl<S> FromReqwest<S> {
    /// Wraps a service, for requests of reqwest's type. A [`FromReqwestLayer`] can build them of others.
    pub fn new(inner: S) -> Self {
        FromReqwestLayer::new().layer(inner)
    }
}

impl<S, F> FromReqwest<S, F> {
    accessors!();
}

impl<S, F, T, Fut, E, B> Service<T> for FromReqwest<S, F>
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    F: Fn(T) -> Fut,
    Fut: Future<Output = Result<Request, E>> + Send + 'static,
    E: From<Error> + From<S::Error>,
    B: http_body::Body<Data = Bytes> + Send + Sync + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = E;
    type Future = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.inner.poll_ready(cx).map_err(E::from)
    }

    fn call(&mut self, request: T) -> Self::Future {
        let request = (self.build)(request);
        let clone = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let request: http::Request<Body> = request.await?.try_into()?;
            Ok(Response::from(ready.call(request).await?.map(Body::wrap)))
        })
    }
}

impl<S: fmt::Debug, F> fmt::Debug for FromReqwest<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromReqwest").field("inner", &self.inner).finish_non_exhaustive()
    }
}
