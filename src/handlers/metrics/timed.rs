use std::{sync::Arc, time::Instant};

use metrics::{Histogram, histogram};
use tower::BoxError;

use super::describe::{HANDLER_TIME, describe};
use crate::{
    event::Event,
    handler::{AsyncCallbackHandler, BatchError, BatchEvent, CallbackHandler, EventMask, Identity},
    run::Run,
};

/// A wrapper that measures how long a handler takes for an event.
///
/// The time is recorded as `llm_callbacks_handler_seconds` with a label `handler`. For an async handler it is the time
/// from the first poll to completion, including waits, and for one that takes [batches](CallbackHandler::on_events) that of a
/// batch. Each event or batch reads the clock twice.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, on_llm_end, handlers::TimedHandler};
///
/// let audit = on_llm_end(|run, result| println!("{}: {}", run.run_id(), result.tokens));
/// let callbacks = Callbacks::new().blocking(TimedHandler::new("audit", audit));
/// # assert_eq!(callbacks.len(), 1);
/// ```
#[derive(Debug)]
pub struct TimedHandler<H> {
    name: Arc<str>,
    inner: H,
}

impl<H> TimedHandler<H> {
    /// Wraps a handler. The name is the value of the label.
    pub fn new(name: impl Into<Arc<str>>, handler: H) -> Self {
        describe();
        Self { name: name.into(), inner: handler }
    }

    fn time(&self) -> Histogram {
        histogram!(HANDLER_TIME, "handler" => Arc::clone(&self.name))
    }
}

impl<H: CallbackHandler> CallbackHandler for TimedHandler<H> {
    fn event_mask(&self) -> EventMask {
        self.inner.event_mask()
    }

    fn identity(&self) -> Option<Identity> {
        self.inner.identity()
    }

    fn try_on_event(&self, run: &Run, event: &Event) -> Result<(), BoxError> {
        let start = Instant::now();
        let outcome = self.inner.try_on_event(run, event);
        self.time().record(start.elapsed());
        outcome
    }

    fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        let start = Instant::now();
        let outcome = self.inner.on_events(batch);
        if !outcome.as_ref().is_err_and(BatchError::is_one_by_one) {
            self.time().record(start.elapsed());
        }
        outcome
    }
}

impl<H: AsyncCallbackHandler> AsyncCallbackHandler for TimedHandler<H> {
    fn event_mask(&self) -> EventMask {
        self.inner.event_mask()
    }

    fn identity(&self) -> Option<Identity> {
        self.inner.identity()
    }

    async fn try_on_event(&self, run: &Run, event: &Event) -> Result<(), BoxError> {
        let start = Instant::now();
        let outcome = self.inner.try_on_event(run, event).await;
        self.time().record(start.elapsed());
        outcome
    }

    async fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        let start = Instant::now();
        let outcome = self.inner.on_events(batch).await;
        if !outcome.as_ref().is_err_and(BatchError::is_one_by_one) {
            self.time().record(start.elapsed());
        }
        outcome
    }
}
