use std::{error::Error, fmt};

use tower::BoxError;

use crate::event::LlmResult;

/// The error of a failed call of a batch, with the partial answer.
///
/// The [`source`](Error::source) is the call's error, which the `Display` form does not repeat.
#[derive(Debug)]
pub struct BatchError {
    error: BoxError,
    partial: Box<LlmResult>,
}

impl BatchError {
    pub(super) fn new(error: BoxError, partial: LlmResult) -> Self {
        Self { error, partial: Box::new(partial) }
    }

    /// Returns the partial answer: the text so far, the usage so far. LangChain loses it.
    pub fn partial(&self) -> &LlmResult {
        &self.partial
    }

    /// Returns the call's error, to downcast.
    pub fn into_inner(self) -> BoxError {
        self.error
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call of the batch failed")
    }
}

impl Error for BatchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}
