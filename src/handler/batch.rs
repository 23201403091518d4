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
pub struct BatchError(Option<Box<Failure>>);

/// `None` instead of it if the handler takes no batches: the answer to each event of most handlers, which costs nothing.
struct Failure {
    error: BoxError,
    /// So many events were handled before, and the next one failed. `None` if that is unknown.
    handled: Option<usize>,
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
        Self(Some(Box::new(Failure { error: error.into(), handled: Some(handled) })))
    }

    /// Creates the answer of a handler that takes no batches. From then on,
    /// [`try_on_event`](super::CallbackHandler::try_on_event) is called for each event instead, also for those of the
    /// batch.
    pub fn one_by_one() -> Self {
        Self(None)
    }

    pub(crate) fn is_one_by_one(&self) -> bool {
        self.0.is_none()
    }

    /// Returns what a batch of one event came to. `None` if the handler takes no batches.
    #[inline]
    pub(crate) fn of_one(outcome: Result<(), Self>) -> Option<Result<(), BoxError>> {
        match outcome {
            Ok(()) => Some(Ok(())),
            Err(Self(failure)) => failure.map(|failure| Err(failure.error)),
        }
    }

    /// Returns the error, and the place of the event that failed in a batch of so many, if that is known.
    pub(crate) fn in_batch(self, events: usize) -> (Option<usize>, BoxError) {
        // Without an event left, none can be the one that failed.
        match self.0 {
            Some(failure) => (failure.handled.filter(|&handled| handled < events), failure.error),
            None => (None, self.to_string().into()),
        }
    }
}

impl<E: Into<BoxError>> From<E> for BatchError {
    fn from(error: E) -> Self {
        Self(Some(Box::new(Failure { error: error.into(), handled: None })))
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_deref() {
            None => f.write_str("the handler takes events one by one"),
            Some(Failure { error, handled: None }) => error.fmt(f),
            Some(Failure { error, handled: Some(handled) }) => {
                write!(f, "{error} (after {handled} events)")
            }
        }
    }
}

impl fmt::Debug for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_deref() {
            None => f.write_str("OneByOne"),
            Some(Failure { error, handled: None }) => {
                f.debug_tuple("Unknown").field(error).finish()
            }
            Some(Failure { error, handled: Some(handled) }) => {
                f.debug_tuple("After").field(handled).field(error).finish()
            }
        }
    }
}
