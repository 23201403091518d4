use std::{error::Error, fmt};

use tower::BoxError;

use crate::event::LlmResult;

/// A call of a batch has failed: its error, and what there was of the answer.
///
/// The [`source`](Error::source) is the call's error.
#[derive(Debug)]
pub struct BatchError {
    error: BoxError,
    partial: Box<LlmResult>,
}

impl BatchError {
    pub(super) fn new(error: BoxError, partial: LlmResult) -> Self {
        Self { error, partial: Box::new(partial) }
    }

    /// What there was of the answer: text so far, usage so far. LangChain loses it.
    pub fn partial(&self) -> &LlmResult {
        &self.partial
    }

    /// The call's error, to downcast.
    pub fn into_inner(self) -> BoxError {
        self.error
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for BatchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}
