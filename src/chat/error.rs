use std::{borrow::Cow, error::Error, fmt};

use tower::BoxError;

use crate::event::{ProviderError, Truncated};

/// Why a typed model failed: the error of its calls and of its streams.
///
/// The [`source`](Error::source) is the provider's own error, the transport's, or
/// [`Truncated`](crate::event::Truncated): by it a run knows its kind of error, whatever wraps this one. A
/// provider's message may quote the prompt; no other message quotes anything of the request.
#[derive(Debug)]
#[non_exhaustive]
pub enum ModelError {
    /// The provider answered with an error, or reported one in the stream.
    Provider(ProviderError),
    /// The request, or the answer on its way, failed below the model; the source is the error of the
    /// HTTP service or of its body.
    Transport(BoxError),
    /// The answer ended without its end mark: it was cut short.
    Truncated,
    /// The request cannot be sent, and nothing was. The text says what to do.
    InvalidRequest(Cow<'static, str>),
}

impl ModelError {
    /// The provider's own error, if this is one.
    pub fn provider(&self) -> Option<&ProviderError> {
        match self {
            ModelError::Provider(error) => Some(error),
            _ => None,
        }
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        ModelError::InvalidRequest(message.into())
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelError::Provider(error) => {
                f.write_str("the provider reported an error")?;
                match (error.status, &error.code) {
                    (Some(status), Some(code)) => write!(f, " ({status} {code})")?,
                    (Some(status), None) => write!(f, " ({status})")?,
                    (None, Some(code)) => write!(f, " ({code})")?,
                    (None, None) => {}
                }
                write!(f, ": {error}")
            }
            ModelError::Transport(_) => f.write_str("the transport to the provider failed"),
            ModelError::Truncated => f.write_str("the answer was cut short: its end never came"),
            ModelError::InvalidRequest(message) => write!(f, "invalid request: {message}"),
        }
    }
}

impl Error for ModelError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ModelError::Provider(error) => Some(error),
            ModelError::Transport(error) => Some(&**error),
            ModelError::Truncated => Some(&Truncated),
            ModelError::InvalidRequest(_) => None,
        }
    }
}
