use std::{
    error::Error,
    fmt, io,
    sync::{Arc, OnceLock},
};

use http_body_util::LengthLimitError;

use crate::{
    event::{ErrorKind, Failure, InvalidRequest, causes},
    redact,
};

/// Why the body of a request did not arrive. It is the client's failure, not that of the upstream.
///
/// If an inner service reads a body that failed, and returns an error or an error response, the layer ends the run in the
/// [kind](Self::kind) of that failure. A proxy tells its client the same: it recognises the error of the body, for example
/// by `hyper::Error::is_user`, and responds with 400 to an invalid one rather than with 502.
///
/// ```
/// use std::io;
/// use tower_llm_callbacks::{ErrorKind, http_layer::UploadFailure};
///
/// let malformed = io::Error::new(io::ErrorKind::InvalidInput, "Invalid chunk size line");
/// assert_eq!(UploadFailure::of(&malformed), UploadFailure::Invalid);
/// let closed = io::Error::from(io::ErrorKind::UnexpectedEof);
/// assert_eq!(UploadFailure::of(&closed).kind(), ErrorKind::Cancelled);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UploadFailure {
    /// The client closed its connection, or reset the stream, or fell silent.
    Broken,
    /// The client sent what is no valid body: a malformed chunk, or more than is allowed.
    Invalid,
}

impl UploadFailure {
    /// Classifies the error of a body by its causes. One of an unknown type counts as [`Broken`](Self::Broken).
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let is_invalid = |cause: &(dyn Error + 'static)| {
            let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
            matches!(io, Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
                || cause.is::<LengthLimitError>()
                || cause.is::<InvalidRequest>()
        };
        if causes(error).any(is_invalid) { Self::Invalid } else { Self::Broken }
    }

    /// Returns the kind of the run's error.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::Broken => ErrorKind::Cancelled,
            Self::Invalid => ErrorKind::Invalid,
        }
    }
}

/// Where the body of a request notes its error, for the run of the call.
#[derive(Clone, Default)]
pub(super) struct Upload(Arc<OnceLock<Failure>>);

impl Upload {
    pub(super) fn failed(&self, error: &(dyn Error + 'static)) {
        self.0.get_or_init(|| {
            Failure::new(UploadFailure::of(error).kind(), redact::error_chain(error))
        });
    }

    pub(super) fn failure(&self) -> Option<Failure> {
        self.0.get().cloned()
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("failed", &self.0.get().is_some()).finish()
    }
}
