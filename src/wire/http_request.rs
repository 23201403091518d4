use std::{borrow::Cow, fmt};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

use super::{json::joined, path};

/// The HTTP request of an LLM call, as a [`Format`](super::Format) reads it.
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
    pub(in crate::wire) pieces: &'a [Bytes],
    /// Whether [`body`](Self::body) is the whole body.
    pub complete: bool,
    /// The name of the provider, if the layer or the request sets it.
    pub provider: Option<&'a str>,
}

impl<'a> LlmHttpRequest<'a> {
    /// Creates a request with its whole body.
    pub fn new(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap, body: &'a Bytes) -> Self {
        Self::in_pieces(method, uri, headers, std::slice::from_ref(body))
    }

    /// Creates a request whose body is in pieces, as it arrived.
    pub fn in_pieces(
        method: &'a Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        body: &'a [Bytes],
    ) -> Self {
        Self { method, uri, headers, pieces: body, complete: true, provider: None }
    }

    /// Returns the captured part of the body, decompressed.
    ///
    /// That is a copy if the body arrived in several pieces.
    pub fn body(&self) -> Bytes {
        joined(self.pieces)
    }

    /// Sets whether the body is complete.
    #[must_use]
    pub fn complete(mut self, complete: bool) -> Self {
        self.complete = complete;
        self
    }

    /// Sets the name of the provider. See [`provider_or`](Self::provider_or).
    #[must_use]
    pub fn provider(mut self, name: &'a str) -> Self {
        self.provider = Some(name);
        self
    }

    /// Returns the path as a server reads it: percent-decoded once, without dot segments, repeated slashes and a slash at
    /// its end. A sequence that is invalid, or not UTF-8, stays as it is.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{HeaderMap, Method, Uri};
    /// use tower_llm_callbacks::wire::LlmHttpRequest;
    ///
    /// let (headers, body) = (HeaderMap::new(), Bytes::new());
    /// let uri = Uri::from_static("//v1/x/../m%65ssages/?beta=true");
    /// let request = LlmHttpRequest::new(&Method::POST, &uri, &headers, &body);
    /// assert_eq!(request.path(), "/v1/messages");
    /// ```
    pub fn path(&self) -> Cow<'a, str> {
        path::normal(self.uri.path())
    }
}

impl fmt::Debug for LlmHttpRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmHttpRequest")
            .field("method", self.method)
            .field("path", &self.uri.path())
            .field("bytes", &self.pieces.iter().map(Bytes::len).sum::<usize>())
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}
