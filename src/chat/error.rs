use std::{borrow::Cow, error::Error, fmt};

use tower::BoxError;

use crate::event::{InvalidRequest, ProviderError, Truncated};

/// The error of a typed model's calls and streams.
///
/// The [`source`](Error::source) is a [`ProviderError`], the error of the HTTP service or its body, or
/// [`Truncated`](crate::event::Truncated). The run's kind of error is derived from it, even if another error wraps
/// this one. As usual, the `Display` form does not repeat the source: a [`ProviderError`] displays the provider's
/// message, which may quote the prompt. No other message quotes the request.
///
/// ```
/// use std::error::Error;
/// use tower_llm_callbacks::{ProviderError, chat::ModelError};
///
/// let error = ModelError::Provider(ProviderError::new("Overloaded").status(529));
/// assert_eq!(error.to_string(), "the provider reported an error (529)");
/// assert_eq!(error.source().unwrap().to_string(), "Overloaded");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ModelError {
    /// The provider returned an error response, or reported an error in the stream.
    Provider(ProviderError),
    /// The HTTP service or its response body failed.
    Transport(BoxError),
    /// The answer ended without its end mark.
    Truncated,
    /// The request is invalid and was not sent. The message names the field and what is right.
    InvalidRequest(InvalidRequest),
}

impl ModelError {
    /// Returns the provider's error, if this is one.
    pub fn provider(&self) -> Option<&ProviderError> {
        match self {
            ModelError::Provider(error) => Some(error),
            _ => None,
        }
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        ModelError::InvalidRequest(InvalidRequest::new(message))
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelError::Provider(error) => {
                f.write_str("the provider reported an error")?;
                match (error.status, &error.code) {
                    (Some(status), Some(code)) => write!(f, " ({status} {code})"),
                    (Some(status), None) => write!(f, " ({status})"),
                    (None, Some(code)) => write!(f, " ({code})"),
                    (None, None) => Ok(()),
                }
            }
            ModelError::Transport(_) => f.write_str("the HTTP call to the provider failed"),
            ModelError::Truncated => f.write_str("the answer is truncated"),
            ModelError::InvalidRequest(_) => f.write_str("invalid request"),
        }
    }
}

impl Error for ModelError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ModelError::Provider(error) => Some(error),
            ModelError::Transport(error) => Some(&**error),
            ModelError::Truncated => Some(&Truncated),
            ModelError::InvalidRequest(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_repeats_its_source() {
        let provider = ProviderError::new("Overloaded").status(529).code("overloaded_error");
        for (error, expected) in [
            (
                ModelError::Provider(provider),
                "the provider reported an error (529 overloaded_error): Overloaded",
            ),
            (ModelError::Transport("reset".into()), "the HTTP call to the provider failed: reset"),
            (
                ModelError::Truncated,
                "the answer is truncated: the answer ended without its end mark",
            ),
            (ModelError::invalid("no model"), "invalid request: no model"),
        ] {
            let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            assert_eq!(format!("{error}{source}"), expected);
        }
    }
}
