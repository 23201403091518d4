use std::{error::Error, fmt, sync::Arc, time::Duration};

/// An error that the provider reported, as an HTTP error response or inside a stream.
///
/// The typed models return it as the source of their errors. The layer finds it in the chain of sources of any error,
/// so that [`RunError`](super::RunError) has its status and code.
///
/// The [`Display`](fmt::Display) form is the provider's message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderError {
    /// The provider's message.
    pub message: Arc<str>,
    /// The provider's code or type, such as `overloaded_error`.
    pub code: Option<Arc<str>>,
    /// The HTTP status. `None` for an error inside a stream.
    pub status: Option<u16>,
    /// The provider's id of the request.
    pub request_id: Option<Arc<str>>,
    /// How long the provider asks to wait before the next call.
    pub retry_after: Option<Duration>,
}

impl ProviderError {
    /// Creates an error with a message.
    pub fn new(message: impl Into<Arc<str>>) -> Self {
        Self {
            message: message.into(),
            code: None,
            status: None,
            request_id: None,
            retry_after: None,
        }
    }

    /// Sets the provider's code or type.
    #[must_use]
    pub fn code(mut self, code: impl Into<Arc<str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Sets the HTTP status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the provider's id of the request.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// Sets how long to wait before the next call.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ProviderError {}
