use http::{Request, Response};
use tokio::time::Sleep;
use tower::{
    layer::util::Stack,
    retry::{Policy, RetryLayer},
};

use super::RetryPolicy;
use crate::{event::ProviderError, run::Aborted, scope::AttemptsLayer, wire::retry_after};

/// A [`RetryPolicy`] for HTTP: retries by the status of a response and its `retry-after`, and after every error. Not a call
/// that was [aborted](crate::Aborted).
///
/// Requests are cloned: their body is one in memory, such as `Full<Bytes>`. Goes above an
/// [`HttpCallbackLayer`](crate::HttpCallbackLayer), below a typed model.
#[derive(Debug, Clone)]
pub struct HttpRetryPolicy(RetryPolicy);

impl HttpRetryPolicy {
    /// Creates a policy with the settings of another one, and its budget.
    pub fn new(policy: RetryPolicy) -> Self {
        Self(policy)
    }

    /// Returns the layer, with an [`AttemptsLayer`] above it, so that retries are events.
    pub fn layer(self) -> Stack<RetryLayer<Self>, AttemptsLayer> {
        Stack::new(RetryLayer::new(self), AttemptsLayer::new())
    }
}

impl<B: Clone, R, E> Policy<Request<B>, Response<R>, E> for HttpRetryPolicy {
    type Future = Sleep;

    fn retry(
        &mut self,
        _request: &mut Request<B>,
        result: &mut Result<Response<R>, E>,
    ) -> Option<Sleep> {
        let Ok(response) = result else { return self.0.failed(None) };
        if response.extensions().get::<Aborted>().is_some() {
            return None;
        }
        let status = response.status();
        if ProviderError::new("").status(status.as_u16()).is_retryable() {
            return self.0.failed(retry_after::of_headers(status, response.headers()));
        }
        self.0.succeeded();
        None
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }
}
