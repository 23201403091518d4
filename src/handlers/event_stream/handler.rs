use std::{sync::Arc, time::Duration};

use super::queue::Queue;
use crate::{
    callbacks::{Callbacks, Registration},
    event::Event,
    handler::{AsyncCallbackHandler, CallbackHandler, EventMask},
    run::Run,
};

/// Puts events into the queue as they are emitted. Dropped when no more events can come, which ends the stream.
struct Writer(Arc<Queue>);

impl CallbackHandler for Writer {
    fn event_mask(&self) -> EventMask {
        // The start and end of every run show which runs belong to the stream, and when it ends.
        let others = EventMask::LLM_NEW_TOKEN
            | EventMask::TOKEN_TIMES
            | EventMask::RETRY
            | EventMask::CUSTOM;
        self.0.wanted() | (EventMask::ALL - others)
    }

    fn on_event(&self, run: &Run, event: &Event) {
        self.0.push(run, event);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Holds calls up while the queue is full.
struct Throttle(Arc<Queue>);

impl AsyncCallbackHandler for Throttle {
    fn event_mask(&self) -> EventMask {
        self.0.wanted()
    }

    async fn on_event(&self, run: &Run, event: &Event) {
        if self.0.wants(run, event.kind()) {
            self.0.room(run.run_id()).await;
        }
    }
}

/// Creates the handlers of a stream.
pub(super) fn callbacks(queue: &Arc<Queue>, capacity: usize) -> Callbacks {
    let writer = Registration::inline(Writer(Arc::clone(queue))).name("event stream");
    let callbacks = Callbacks::new().add(writer);
    if !queue.waits() {
        return callbacks;
    }
    // No deadline: the reader may be arbitrarily slow.
    let throttle = Registration::async_handler(Throttle(Arc::clone(queue))).deadline(Duration::MAX);
    callbacks.add(throttle.capacity(capacity).name("event stream, waiting"))
}
