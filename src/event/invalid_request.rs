use std::{borrow::Cow, error::Error, fmt};

/// The error of a call that was never made, because its request or its configuration is invalid.
///
/// A run whose error has this type in its chain of sources ends in an error of kind
/// [`Invalid`](super::ErrorKind::Invalid).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRequest(Cow<'static, str>);

impl InvalidRequest {
    /// Creates an error with a message that says what is invalid, and what is right.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for InvalidRequest {}
