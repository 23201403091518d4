//! Calls handlers of plain methods.

use std::sync::Arc;

use tower::BoxError;

use super::dispatch::Dispatch;
use crate::{
    delivery::{Fault, FaultKind, hooks},
    event::{Event, EventKind},
    handler::CallbackHandler,
    panics::{Panic, catch},
    run::Scope,
};

/// Calls a handler in the scope of handlers. Returns false if it panicked or failed: then it is detached.
#[inline]
pub(crate) fn call(
    handler: &dyn CallbackHandler,
    dispatch: &Arc<Dispatch>,
    index: usize,
    scope: &mut Scope,
    event: &Event,
) -> bool {
    match catch(|| scope.enter(|| handler.try_on_event(dispatch.run(), event))) {
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
    let (kind, message) = match outcome {
        Ok(Ok(())) => return,
        Ok(Err(error)) => (FaultKind::Failed, Some(hooks::message(&*error))),
        Err(Panic(message)) => (FaultKind::Panicked, message),
    };
    dispatch.detach(index, kind, |fault: &mut Fault| {
        if dispatch.lanes()[index].slot.is_inline() {
            // Inline lanes have no queue that counts events.
            fault.lost_events = 1;
        }
        fault.event = Some(event);
        fault.message = message;
    });
}
