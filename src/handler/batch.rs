use std::fmt;

use tower::BoxError;

use crate::{event::Event, run::Run};

/// An event of a batch, with its run: see [`CallbackHandler::on_events`](super::CallbackHandler::on_events).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BatchEvent<'a> {
    /// The run that the event is of.
    pub run: &'a Run,
    /// The event.
    pub event: &'a Event,
}

impl<'a> BatchEvent<'a> {
    /// Creates an event of a batch, as a test of a handler needs it.
    pub fn new(run: &'a Run, event: &'a Event) -> Self {
        Self { run, event }
    }
}

/// The failure of a batch, and how much of the batch was handled: see
/// [`CallbackHandler::on_events`](super::CallbackHandler::on_events).
///
/// Every error converts into it with `?`: then it is unknown how much was handled, and the handler is detached from all
/// runs of the batch. No [`Error`](std::error::Error) itself, as that would forbid the conversion.
pub struct BatchError(Reason);

enum Reason {
    /// The handler takes no batches.
    OneByOne,
    /// It is unknown how many events were handled before.
    Unknown(BoxError),
    /// So many events were handled before, and the next one failed.
    After(usize, BoxError),
}

impl BatchError {
    /// Creates an error of the event after so many that were handled.
    ///
    /// The handler is detached from the run of that event. What follows it in the batch comes in another batch, without
    /// that run.
    ///
    /// ```
    /// use tower_llm_callbacks::handler::BatchError;
    ///
    /// let error = BatchError::after(3, "the disk is full");
    /// assert_eq!(error.to_string(), "the disk is full (after 3 events)");
    /// ```
    pub fn after(handled: usize, error: impl Into<BoxError>) -> Self {
        Self(Reason::After(handled, error.into()))
    }

    /// Creates the answer of a handler that takes no batches. From then on,
    /// [`try_on_event`](super::CallbackHandler::try_on_event) is called for each event instead, also for those of the
    /// batch.
    pub fn one_by_one() -> Self {
        Self(Reason::OneByOne)
    }

    pub(crate) fn is_one_by_one(&self) -> bool {
        matches!(self.0, Reason::OneByOne)
    }

    /// Returns the error, and the place of the event that failed in a batch of so many, if that is known.
    pub(crate) fn in_batch(self, events: usize) -> (Option<usize>, BoxError) {
        match self.0 {
            Reason::OneByOne => (None, self.to_string().into()),
            // Without an event left, none can be the one that failed.
            Reason::After(handled, error) => ((handled < events).then_some(handled), error),
            Reason::Unknown(error) => (None, error),
        }
    }
}

impl<E: Into<BoxError>> From<E> for BatchError {
    fn from(error: E) -> Self {
        Self(Reason::Unknown(error.into()))
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::OneByOne => f.write_str("the handler takes events one by one"),
            Reason::Unknown(error) => error.fmt(f),
            Reason::After(handled, error) => write!(f, "{error} (after {handled} events)"),
        }
    }
}

impl fmt::Debug for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::OneByOne => f.write_str("OneByOne"),
            Reason::Unknown(error) => f.debug_tuple("Unknown").field(error).finish(),
            Reason::After(handled, error) => {
                f.debug_tuple("After").field(handled).field(error).finish()
            }
        }
    }
}
