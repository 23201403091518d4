use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

/// The HTTP request of an LLM call, as a [`Format`] reads it.
///
/// The `Debug` form omits query, header values and body, which may hold secrets.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct LlmHttpRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// The request target, unchanged.
    pub uri: &'a Uri,
    /// The headers, unchanged.
    pub headers: &'a HeaderMap,
    /// The captured part of the body, decompressed.
    pub body: &'a Bytes,
    /// Whether `body` is the whole body.
    pub complete: bool,
}

impl<'a> LlmHttpRequest<'a> {
    /// Creates a request with its whole body.
    pub fn new(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap, body: &'a Bytes) -> Self {
        Self { method, uri, headers, body, complete: true }
    }

    /// Sets whether the body is complete.
    #[must_use]
    pub fn complete(mut self, complete: bool) -> Self {
        self.complete = complete;
        self
    }
}

impl fmt::Debug for LlmHttpRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmHttpRequest")
            .field("method", self.method)
            .field("path", &self.uri.path())
            .field("bytes", &self.body.len())
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}
