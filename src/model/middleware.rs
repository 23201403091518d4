use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use ::reqwest::{Body, Request, Response};
use futures_util::future::BoxFuture;
use http::Extensions;
use reqwest_middleware::{Error, Middleware, Next, Result};
use tower::{Layer, Service};

use super::reqwest::{body, response};
use crate::{
    http_layer::{HttpCallbackLayer, RequestBody},
    sync::lock,
};

/// An [`HttpCallbackLayer`] as a middleware of the crate [reqwest-middleware](reqwest_middleware), for clients that are made
/// of a `ClientWithMiddleware`, such as rig's.
///
/// Middlewares that come after it, such as retries, are below it: put it last to have a run for each attempt.
///
/// ```no_run
/// use reqwest_middleware::ClientBuilder;
/// use tower_llm_callbacks::{Callbacks, HttpCallbackLayer, model::CallbackMiddleware};
///
/// let layer = HttpCallbackLayer::new(Callbacks::new());
/// let client = ClientBuilder::new(reqwest::Client::new())
///     .with(CallbackMiddleware::new(layer))
///     .build();
/// ```
#[derive(Debug, Clone)]
pub struct CallbackMiddleware {
    layer: HttpCallbackLayer,
}

impl CallbackMiddleware {
    /// Creates a middleware that observes calls as a layer does.
    pub fn new(layer: HttpCallbackLayer) -> Self {
        Self { layer: layer.error_type::<Error>() }
    }
}

// As the macro `async_trait` writes it.
impl Middleware for CallbackMiddleware {
    fn handle<'a, 'b, 'c, 'f>(
        &'a self,
        request: Request,
        extensions: &'b mut Extensions,
        next: Next<'c>,
    ) -> Pin<Box<dyn Future<Output = Result<Response>> + Send + 'f>>
    where
        'a: 'f,
        'b: 'f,
        'c: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let rest = Rest { next, extensions: Arc::new(Mutex::new(Some(extensions))) };
            let request: http::Request<Body> = request.try_into()?;
            let response = self.layer.layer(rest).oneshot(request).await?;
            Ok(Response::from(response.map(Body::wrap)))
        })
    }
}

/// The middlewares below, and the client.
#[derive(Clone)]
struct Rest<'a> {
    next: Next<'a>,
    /// Taken by the call.
    extensions: Arc<Mutex<Option<&'a mut Extensions>>>,
}

impl<'a> Service<http::Request<RequestBody<Body>>> for Rest<'a> {
    type Response = http::Response<Body>;
    type Error = Error;
    type Future = BoxFuture<'a, Result<http::Response<Body>>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<RequestBody<Body>>) -> Self::Future {
        let Some(extensions) = lock(&self.extensions).take() else {
            unreachable!("a layer calls its service once for each request")
        };
        let next = self.next.clone();
        Box::pin(async move {
            let request = request.map(body).try_into()?;
            Ok(response(next.run(request, extensions).await?))
        })
    }
}

impl fmt::Debug for Rest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").finish_non_exhaustive()
    }
}
