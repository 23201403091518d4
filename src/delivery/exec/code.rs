use std::sync::Arc;

use tower::BoxError;

use super::{
    blocking::Blocking,
    tasks::{Drain, Tasks},
};
use crate::{
    delivery::{Delivery, Executor, Notify, Settings, Slot, notify::Erased},
    disposed::Disposed,
    event::Event,
    handler::{AsyncCallbackHandler, BatchError, BatchEvent, CallbackHandler, EventMask},
    run::{Identity, Run},
};

/// The handler of a registration.
#[derive(Clone)]
pub(crate) enum Code {
    Blocking(Arc<dyn Notify>),
    Async(Arc<dyn Drain>),
}

impl Code {
    pub(crate) fn blocking<H: CallbackHandler>(handler: H) -> Self {
        Code::Blocking(Arc::new(Erased::new(handler)))
    }

    pub(crate) fn asynchronous<H: AsyncCallbackHandler>(handler: H) -> Self {
        Code::Async(Arc::new(Disposed::new(handler)))
    }

    /// Returns the slot of a handler, and the executor of its lanes. Inline handlers have no executor.
    pub(crate) fn into_slot(
        self,
        (event_mask, name, identity): (EventMask, Arc<str>, Identity),
        mut settings: Settings,
    ) -> (Arc<Slot>, Option<Arc<dyn Executor>>) {
        let inline = match &self {
            Code::Blocking(handler) if settings.delivery == Delivery::Inline => {
                Some(Arc::clone(handler))
            }
            _ => None,
        };
        let is_async = matches!(self, Code::Async(_));
        if is_async {
            // Each run has a task of its own, so that lingering saves nothing but for a handler that takes batches.
            settings.linger.get_or_insert_default();
        }
        let executor: Option<Arc<dyn Executor>> = match self {
            _ if inline.is_some() => None,
            Code::Blocking(handler) => {
                Some(Arc::new(Blocking::new(handler, Arc::clone(&name), &settings)))
            }
            Code::Async(handler) => Some(Arc::new(Tasks::new(handler, &settings))),
        };
        let slot = Slot::new((event_mask, name, identity), settings, inline, is_async);
        (Arc::new(slot), executor)
    }
}

/// Only what is called after the registration.
impl<H: AsyncCallbackHandler> AsyncCallbackHandler for Disposed<H> {
    fn try_on_event(
        &self,
        run: &Run,
        event: &Event,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        self.get().try_on_event(run, event)
    }

    fn on_events(
        &self,
        batch: &[BatchEvent<'_>],
    ) -> impl Future<Output = Result<(), BatchError>> + Send {
        self.get().on_events(batch)
    }
}
