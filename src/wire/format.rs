use std::{borrow::Cow, fmt};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::{Decoder, error::of_response, path};
use crate::event::{LlmStart, ProviderError};

/// A provider's HTTP API: matches its requests and reads requests and responses.
///
/// The [`HttpCallbackLayer`](crate::HttpCallbackLayer) knows the formats in this module. Implement
/// this trait for another API and add it with [`format`](crate::HttpCallbackLayer::format) or
/// [`route`](crate::HttpCallbackLayer::route).
pub trait Format: fmt::Debug + Send + Sync + 'static {
    /// Returns whether a request is a call of this API, by method and path (without the query).
    ///
    /// The path is that which a [server reads](LlmHttpRequest::path), whatever the client's spelling: decoded, without dot
    /// segments, repeated slashes and a slash at its end.
    ///
    /// Not called for routes whose format is configured on the layer. The default matches nothing.
    fn matches(&self, method: &Method, path: &str) -> Match {
        let _ = (method, path);
        Match::No
    }

    /// Returns what a call requests. Called once, if a handler observes the start.
    ///
    /// Use [`Prompt::lazy`](crate::Prompt::lazy) for the prompt, so that it costs nothing unless a handler
    /// reads it.
    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart;

    /// Returns a decoder for the body of a successful response. `content_type` is the response's, in lower
    /// case and without parameters.
    fn decoder(&self, content_type: Option<&str>) -> Box<dyn Decoder>;

    /// Reads the body of an error response, which may be incomplete.
    ///
    /// The default reads the error shapes of Anthropic, OpenAI, Google and Ollama and of most gateways.
    fn error(&self, status: StatusCode, body: &[u8]) -> ProviderError {
        of_response(status, body)
    }

    /// Returns the JSON body of an error response in the provider's shape. The client of an aborted call
    /// receives it.
    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8>;
}

/// Whether a request is a call of a [`Format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Match {
    /// The request is not a call.
    No,
    /// The request is a call.
    Yes,
    /// The request is a call if the response is an event stream. The run starts when the response's head
    /// arrives.
    IfStreamed,
}

impl Match {
    pub(in crate::wire) fn when(is_call: bool) -> Self {
        if is_call { Self::Yes } else { Self::No }
    }
}

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
    /// The name of the provider, if the layer or the request sets it.
    pub provider: Option<&'a str>,
}

impl<'a> LlmHttpRequest<'a> {
    /// Creates a request with its whole body.
    pub fn new(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap, body: &'a Bytes) -> Self {
        Self { method, uri, headers, body, complete: true, provider: None }
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
            .field("bytes", &self.body.len())
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}
