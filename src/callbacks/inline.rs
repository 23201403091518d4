//! Calling a handler of plain methods, on the spot or on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{FaultKind, dispatch::Dispatch, fault::panic_message, registration::Code};
use crate::{event::Event, handler::CallbackHandler, run::Context};

/// Calls a handler in the context that handlers run in. False if it panicked: then it was given up
/// on.
pub(crate) fn call(
    dispatch: &Dispatch,
    index: usize,
    context: &mut Context,
    event: &Event,
) -> bool {
    let Code::Blocking(handler) = &dispatch.lane(index).cell.code else { return true };
    call_handler(&**handler, dispatch, index, context, event)
}

/// The same, with the handler at hand.
#[inline]
pub(crate) fn call_handler(
    handler: &dyn CallbackHandler,
    dispatch: &Dispatch,
    index: usize,
    context: &mut Context,
    event: &Event,
) -> bool {
    let call = || context.swapped(|| handler.on_event(dispatch.run(), event));
    let Err(payload) = catch_unwind(AssertUnwindSafe(call)) else { return true };
    // Also if it was given up on before: the payload must not be dropped unguarded.
    let message = panic_message(payload);
    dispatch.give_up(index, FaultKind::Panicked, |fault| {
        if dispatch.lane(index).cell.is_inline() {
            // It has no queue in which events are counted.
            fault.lost_events = 1;
        }
        fault.event = Some(event.kind());
        fault.panic_message = message;
    });
    false
}
