use http::{HeaderMap, StatusCode, header};

use crate::event::LlmStart;

/// The head of the HTTP response of an LLM call, as a [`Format`](super::Format) reads it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct LlmHttpResponse<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers, unchanged.
    pub headers: &'a HeaderMap,
    /// What was requested, if that is known.
    pub request: Option<&'a LlmStart>,
    /// Whether the decoder emits what the next request has to repeat of the answer beside its content; see
    /// [`Delta::Native`](crate::Delta::Native). Only the typed models ask for it.
    pub native: bool,
    /// Whether the decoder emits the outputs themselves; see [`Delta::Output`](crate::Delta::Output). The layer asks for them if
    /// it captures them.
    pub outputs: bool,
}

impl<'a> LlmHttpResponse<'a> {
    /// Creates the head of a response to an unknown request.
    pub fn new(status: StatusCode, headers: &'a HeaderMap) -> Self {
        Self { status, headers, request: None, native: false, outputs: false }
    }

    /// Sets what was requested.
    #[must_use]
    pub fn request(mut self, request: &'a LlmStart) -> Self {
        self.request = Some(request);
        self
    }

    /// Sets whether the decoder emits native parts.
    #[must_use]
    pub fn native(mut self, native: bool) -> Self {
        self.native = native;
        self
    }

    /// Sets whether the decoder emits outputs.
    #[must_use]
    pub fn outputs(mut self, outputs: bool) -> Self {
        self.outputs = outputs;
        self
    }

    /// Returns the content type, in lower case and without parameters.
    pub fn content_type(&self) -> Option<String> {
        content_type(self.headers)
    }

    /// Whether the body is declared to be a single JSON text, by the response or, if that says nothing, by the request.
    pub fn is_declared_whole(&self) -> bool {
        match self.content_type().as_deref() {
            Some("application/json") => true,
            Some("text/event-stream" | "application/x-ndjson" | "application/jsonl") => false,
            _ => self.request.is_some_and(|request| !request.stream),
        }
    }
}

/// Returns the content type of a body, in lower case and without parameters.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim().to_ascii_lowercase();
    (!essence.is_empty()).then_some(essence)
}

/// A name in the header `content-encoding`, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    /// A coding that is registered (IANA, HTTP Content Coding Registry), or a value that is not text.
    Registered(String),
    /// Another word. Servers send `none` or a charset, which is no coding; it may also be a coding of their own.
    Other,
}

/// Returns the content codings of a body, in the order in which they were applied, without `identity`.
pub(crate) fn content_codings(headers: &HeaderMap) -> impl Iterator<Item = ContentCoding> {
    const REGISTERED: [&str; 12] = [
        "aes128gcm",
        "br",
        "compress",
        "dcb",
        "dcz",
        "deflate",
        "exi",
        "gzip",
        "pack200-gzip",
        "x-compress",
        "x-gzip",
        "zstd",
    ];
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let names = values.flat_map(|value| value.to_str().unwrap_or("compress").split(','));
    let names = names.map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| !matches!(&**name, "" | "identity")).map(|name| {
        match REGISTERED.contains(&&*name) {
            true => ContentCoding::Registered(name),
            false => ContentCoding::Other,
        }
    })
}
