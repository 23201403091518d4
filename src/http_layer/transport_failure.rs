use std::{fmt, sync::Arc};

/// Marks an error response as the proxy's, in place of a call that did not reach the provider.
///
/// A proxy that cannot reach its upstream responds with a 502 of its own. With this in the extensions of the response, the
/// run ends in an error of kind [`Transport`](crate::ErrorKind::Transport) with the message, instead of
/// [`Provider`](crate::ErrorKind::Provider).
///
/// ```
/// use http::{Response, StatusCode};
/// use tower_llm_callbacks::http_layer::TransportFailure;
///
/// let mut response = Response::new("cannot reach the upstream");
/// *response.status_mut() = StatusCode::BAD_GATEWAY;
/// response.extensions_mut().insert(TransportFailure::new("connection refused"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TransportFailure(Arc<str>);

impl TransportFailure {
    /// Creates a failure with a message.
    pub fn new(message: impl Into<Arc<str>>) -> Self {
        Self(message.into())
    }

    /// Returns the message.
    pub fn message(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TransportFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransportFailure").field(&self.message()).finish()
    }
}
