use std::{sync::Arc, time::Duration};

use super::queue::Queue;
use crate::{
    callbacks::{Callbacks, Registration},
    event::Event,
    handler::{AsyncCallbackHandler, CallbackHandler, EventMask},
    run::Run,
};

/// Puts events into the queue as they are told. When it is gone, nothing is told any more.
struct Teller(Arc<Queue>);

impl CallbackHandler for Teller {
    fn interests(&self) -> EventMask {
        // Starts and ends of all runs: by them the stream knows which runs are its, and when it ends.
        self.0.wanted()
            | EventMask::LLM_START
            | EventMask::LLM_END
            | EventMask::LLM_ERROR
            | EventMask::CHAIN
            | EventMask::TOOL
            | EventMask::RETRIEVER
    }

    fn on_event(&self, run: &Run, event: &Event) {
        self.0.tell(run, event);
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Holds calls up while too many events wait to be read.
struct Gate(Arc<Queue>);

impl AsyncCallbackHandler for Gate {
    fn interests(&self) -> EventMask {
        self.0.wanted()
    }

    async fn on_event(&self, run: &Run, event: &Event) {
        if self.0.wants(run, event.kind()) {
            self.0.room(run.run_id()).await;
        }
    }
}

/// The handlers of a stream.
pub(super) fn callbacks(queue: &Arc<Queue>, capacity: usize) -> Callbacks {
    let teller = Registration::inline(Teller(Arc::clone(queue))).name("event stream");
    let callbacks = Callbacks::new().add(teller);
    if !queue.waits() {
        return callbacks;
    }
    // Whoever reads may take all the time.
    let gate = Registration::async_handler(Gate(Arc::clone(queue))).deadline(Duration::MAX);
    callbacks.add(gate.capacity(capacity).name("event stream, waiting"))
}
