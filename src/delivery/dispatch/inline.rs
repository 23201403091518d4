//! Calls handlers of plain methods.

use std::sync::Arc;

use tower::BoxError;

use super::dispatch::Dispatch;
use crate::{
    delivery::{Fault, FaultKind, Notify, hooks},
    event::{Event, EventKind},
    panics::{Panic, catch},
    run::Scope,
};

/// Calls a handler in the scope of handlers. Returns false if it panicked or failed: then it is detached.
#[inline]
pub(crate) fn call(
    handler: &dyn Notify,
    dispatch: &Arc<Dispatch>,
    index: usize,
    scope: &mut Scope,
    event: &Event,
) -> bool {
    match catch(|| scope.enter_code(|| handler.notify(dispatch.run(), event))) {
        Ok(Ok(())) => true,
        outcome => {
            failed(outcome, dispatch, index, event.kind());
            false
        }
    }
}

/// What a call of a handler came to.
pub(crate) type Outcome = Result<Result<(), BoxError>, Panic>;

/// Detaches a handler that panicked or returned an error.
#[cold]
pub(crate) fn failed(outcome: Outcome, dispatch: &Arc<Dispatch>, index: usize, event: EventKind) {
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => Failure::of(error).detach(dispatch, index, event),
        Err(Panic(message)) => Failure::Panic(message).detach(dispatch, index, event),
    }
}

/// How a call of a handler failed, with the message.
pub(crate) enum Failure {
    Panic(Option<Arc<str>>),
    Error(Arc<str>),
}

impl Failure {
    /// Reads and drops a handler's error, whose code is the handler's.
    pub(crate) fn of(error: BoxError) -> Self {
        match catch(move || hooks::message(&*error)) {
            Ok(message) => Failure::Error(message),
            Err(Panic(message)) => Failure::Panic(message),
        }
    }

    /// Detaches the handler from a run.
    pub(crate) fn detach(&self, dispatch: &Arc<Dispatch>, index: usize, event: EventKind) {
        let (kind, message) = match self {
            Failure::Error(message) => (FaultKind::Failed, Some(message)),
            Failure::Panic(message) => (FaultKind::Panicked, message.as_ref()),
        };
        dispatch.detach(index, kind, |fault: &mut Fault| {
            if dispatch.lanes()[index].slot.is_inline() {
                // Inline lanes have no queue that counts events.
                fault.lost_events = 1;
            }
            fault.event = Some(event);
            fault.message = message.cloned();
        });
    }
}
