use std::{error::Error, fmt, sync::Arc, time::Duration};

/// Parts of codes of errors that a later call meets too, whatever the status.
const FOR_GOOD: [&str; 4] = ["insufficient_quota", "billing", "credit", "access_terminated"];
/// Parts of codes of errors that pass. Inside a stream there is no status.
const PASSING: [&str; 12] = [
    "overloaded",
    "rate_limit",
    "too_many_requests",
    "throttl",
    "timeout",
    "deadline_exceeded",
    "api_error",
    "server_error",
    "internal",
    "unavailable",
    "resource_exhausted",
    "capacity",
];

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

    /// Whether the same call may succeed if it is made again: after 408, 409, 425, 429 and 5xx, except 501 and 505, and for
    /// the codes that say so inside a stream, such as `overloaded_error`. Not if a quota is used up.
    ///
    /// ```
    /// use tower_llm_callbacks::ProviderError;
    ///
    /// assert!(ProviderError::new("Overloaded").status(529).is_retryable());
    /// assert!(ProviderError::new("Overloaded").code("overloaded_error").is_retryable());
    /// assert!(!ProviderError::new("No such model").status(404).is_retryable());
    /// assert!(!ProviderError::new("Pay").status(429).code("insufficient_quota").is_retryable());
    /// ```
    pub fn is_retryable(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        let word = code.to_ascii_lowercase();
        if FOR_GOOD.iter().any(|part| word.contains(part)) {
            return false;
        }
        match self.status.or_else(|| code.parse().ok()) {
            Some(501 | 505) => false,
            Some(408 | 409 | 425 | 429 | 500..=599) => true,
            Some(_) => false,
            None => PASSING.iter().any(|part| word.contains(part)),
        }
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
