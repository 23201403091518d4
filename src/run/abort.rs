use std::{error::Error, fmt, sync::Arc, time::Duration};

use http::StatusCode;

/// The reason and HTTP status with which [`Run::abort`](crate::Run::abort) ends a call.
///
/// ```
/// use std::time::Duration;
/// use http::StatusCode;
/// use tower_llm_callbacks::Abort;
///
/// let abort = Abort::new("budget spent")
///     .status(StatusCode::TOO_MANY_REQUESTS)
///     .retry_after(Duration::from_secs(3600));
/// assert_eq!(abort.reason(), "budget spent");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abort {
    reason: Arc<str>,
    status: StatusCode,
    retry_after: Option<Duration>,
}

impl Abort {
    /// Creates an abort with a reason, which the consumer of the call sees, and the status 500.
    pub fn new(reason: impl Into<Arc<str>>) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { reason: reason.into(), status, retry_after: None }
    }

    /// Sets the HTTP status that a client gets if no response has started. A status that is no error becomes 500: a client
    /// would take the response for an answer.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        let is_error = status.is_client_error() || status.is_server_error();
        self.status = if is_error { status } else { StatusCode::INTERNAL_SERVER_ERROR };
        self
    }

    /// Sets after which time the client may try again. A response has it as the header `Retry-After`, in whole seconds,
    /// rounded up; the run's error as [`retry_after`](crate::RunError::retry_after).
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }

    /// Returns the reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub(crate) fn shared_reason(&self) -> Arc<str> {
        Arc::clone(&self.reason)
    }

    /// Returns the HTTP status.
    pub fn status_code(&self) -> StatusCode {
        self.status
    }

    /// Returns after which time the client may try again.
    pub fn retry_time(&self) -> Option<Duration> {
        self.retry_after
    }
}

/// The error that the consumer of an aborted call gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aborted(Abort);

impl Aborted {
    pub(crate) fn new(abort: Abort) -> Self {
        Self(abort)
    }

    /// Returns the reason and status.
    pub fn abort(&self) -> &Abort {
        &self.0
    }
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the call was aborted: {}", self.0.reason)
    }
}

impl Error for Aborted {}
