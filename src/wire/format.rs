use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::Decoder;
use crate::event::{LlmStart, ProviderError};

/// A provider's interface over HTTP: which requests are calls of it, and how to read them and their
/// answers.
///
/// The [`HttpCallbackLayer`](crate::HttpCallbackLayer) knows the formats in this module; implement
/// this for one of your own, and add it with [`format`](crate::HttpCallbackLayer::format) or
/// [`route`](crate::HttpCallbackLayer::route).
pub trait Format: fmt::Debug + Send + Sync + 'static {
    /// Whether a request is a call of this interface, by method and path (without the query).
    ///
    /// Not asked for routes that a layer was told the format of. The default recognises nothing.
    fn matches(&self, method: &Method, path: &str) -> Match {
        let _ = (method, path);
        Match::No
    }

    /// What a call asks for. Called once, when a handler wants to hear of the start.
    ///
    /// Prompts belong into [`Prompt::lazy`](crate::Prompt::lazy), so that only who looks at them
    /// pays for them.
    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart;

    /// A decoder for the body of a successful answer. `content_type` is the answer's, in lower case
    /// and without parameters.
    fn decoder(&self, content_type: Option<&str>) -> Box<dyn Decoder>;

    /// Reads the body of an error answer, or as much of it as came.
    fn error(&self, status: StatusCode, body: &[u8]) -> ProviderError;

    /// The JSON body of an error answer, in the provider's own shape: what the client of an aborted
    /// call gets.
    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8>;
}

/// Whether a request is a call of a [`Format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Match {
    /// It is none.
    No,
    /// It is one.
    Yes,
    /// It is one if the answer is an event stream. Its run starts when the head of the answer is there.
    IfStreamed,
}

/// The request of an LLM call over HTTP: what a [`Format`] is given to read.
///
/// Its debug form has neither query nor header values nor the body: any of them may hold secrets.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct LlmHttpRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target, as it came.
    pub uri: &'a Uri,
    /// The headers, as they came.
    pub headers: &'a HeaderMap,
    /// The body, decompressed; as much of it as was captured.
    pub body: &'a Bytes,
    /// Whether that is all of it.
    pub complete: bool,
}

impl<'a> LlmHttpRequest<'a> {
    /// A request with its whole body.
    pub fn new(method: &'a Method, uri: &'a Uri, headers: &'a HeaderMap, body: &'a Bytes) -> Self {
        Self { method, uri, headers, body, complete: true }
    }

    /// Sets whether the body is all of it.
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
