use std::{borrow::Cow, error::Error, fmt, io, time::Duration};

use tower::BoxError;

use crate::{
    event::{InvalidRequest, ProviderError, Truncated, causes, is_retryable, provider_error},
    run::Aborted,
};

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
    /// A layer above the model failed or refused the call: an abort, a timeout, a limit … The models themselves return none.
    Other(BoxError),
}

impl ModelError {
    /// Returns the provider's error, if this is one.
    pub fn provider(&self) -> Option<&ProviderError> {
        match self {
            ModelError::Provider(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the first of these errors among an error and its sources: callback layers, and most others, box them.
    ///
    /// ```
    /// use tower::BoxError;
    /// use tower_llm_callbacks::{ProviderError, chat::ModelError};
    ///
    /// let error: BoxError = ModelError::Provider(ProviderError::new("Wait").status(429)).into();
    /// let error = ModelError::find(&*error).expect("it is one");
    /// assert_eq!(error.status(), Some(429));
    /// assert!(error.is_retryable());
    /// ```
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        causes(error).find_map(|cause| cause.downcast_ref())
    }

    /// Whether the same request may succeed if it is sent again. See [`ProviderError::is_retryable`]; failures on the way
    /// are retryable, aborts and invalid requests are not.
    pub fn is_retryable(&self) -> bool {
        is_retryable(self)
    }

    /// Returns how long the provider asks to wait before the next call.
    pub fn retry_after(&self) -> Option<Duration> {
        provider_error(self)?.retry_after
    }

    /// Returns the HTTP status of the provider's error response.
    pub fn status(&self) -> Option<u16> {
        provider_error(self)?.status
    }

    /// Returns the provider's code or type of the error.
    pub fn code(&self) -> Option<&str> {
        provider_error(self)?.code.as_deref()
    }

    /// Returns the provider's id of the request.
    pub fn request_id(&self) -> Option<&str> {
        provider_error(self)?.request_id.as_deref()
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
            ModelError::Other(error) if error.is::<Aborted>() => {
                f.write_str("the call was aborted")
            }
            ModelError::Other(_) => f.write_str("the call failed above the model"),
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
            ModelError::Other(error) => Some(&**error),
        }
    }
}

/// Takes the error out of its box if it is one of these, or what they wrap.
impl From<BoxError> for ModelError {
    fn from(error: BoxError) -> Self {
        let error = match error.downcast::<ModelError>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        let error = match error.downcast::<ProviderError>() {
            Ok(error) => return ModelError::Provider(*error),
            Err(error) => error,
        };
        let error = match error.downcast::<InvalidRequest>() {
            Ok(error) => return ModelError::InvalidRequest(*error),
            Err(error) => error,
        };
        match error {
            error if error.is::<Truncated>() => ModelError::Truncated,
            error if error.is::<io::Error>() => ModelError::Transport(error),
            error => ModelError::Other(error),
        }
    }
}

/// Returns it as an error of any type, which retry policies read.
impl AsRef<dyn Error + Send + Sync> for ModelError {
    fn as_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        self
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
