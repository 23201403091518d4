use std::sync::atomic::{AtomicU8, Ordering};

use tower::BoxError;

use crate::{
    disposed::Disposed,
    event::Event,
    handler::{BatchError, BatchEvent, CallbackHandler},
    run::Run,
};

/// A handler of plain methods, without its type.
pub(crate) trait Notify: Send + Sync {
    /// Calls the handler for one event.
    fn notify(&self, run: &Run, event: &Event) -> Result<(), BoxError>;

    /// Calls the handler for several events, at once if it takes batches.
    fn notify_of(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError>;

    /// Whether the handler takes batches. `None` before its first batch.
    fn takes_batches(&self) -> Option<bool>;
}

/// A handler, and whether it takes batches: its answer to the first batch says that.
pub(crate) struct Erased<H: Send + 'static> {
    handler: Disposed<H>,
    batches: AtomicU8,
}

const UNKNOWN: u8 = 0;
const TAKEN: u8 = 1;
const REFUSED: u8 = 2;

impl<H: CallbackHandler> Erased<H> {
    pub(crate) fn new(handler: H) -> Self {
        Self { handler: Disposed::new(handler), batches: AtomicU8::new(UNKNOWN) }
    }
}

impl<H: CallbackHandler> Notify for Erased<H> {
    #[inline]
    fn notify(&self, run: &Run, event: &Event) -> Result<(), BoxError> {
        self.handler.get().try_on_event(run, event)
    }

    fn notify_of(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        let outcome = self.handler.get().on_events(batch);
        if !outcome.as_ref().is_err_and(BatchError::is_one_by_one) {
            self.batches.store(TAKEN, Ordering::Relaxed);
            return outcome;
        }
        self.batches.store(REFUSED, Ordering::Relaxed);
        batch.iter().enumerate().try_for_each(|(handled, BatchEvent { run, event, .. })| {
            self.notify(run, event).map_err(|error| BatchError::after(handled, error))
        })
    }

    fn takes_batches(&self) -> Option<bool> {
        match self.batches.load(Ordering::Relaxed) {
            UNKNOWN => None,
            batches => Some(batches == TAKEN),
        }
    }
}
