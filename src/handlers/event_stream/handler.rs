use std::sync::Arc;

use super::{StreamEvent, filter::Filter, progress::Progress};
use crate::{
    callbacks::{Callbacks, Fault, Handler},
    event::Event,
    handler::{AsyncCallbackHandler, CallbackHandler, Interests},
    run::Run,
};

/// Sees runs start and end in the order in which they do.
struct Watcher(Arc<Progress>);

impl CallbackHandler for Watcher {
    fn interests(&self) -> Interests {
        Interests::ALL
            - Interests::LLM_NEW_TOKEN
            - Interests::TOKEN_TIMES
            - Interests::CUSTOM
            - Interests::RETRY
    }

    fn on_event(&self, run: &Run, event: &Event) {
        let kind = event.kind();
        if kind.is_start() {
            self.0.started(run);
        } else if kind.is_terminal() {
            self.0.ended(run);
        }
    }
}

/// Puts events into the stream.
struct Forwarder {
    progress: Arc<Progress>,
    filter: Filter,
    wanted: Interests,
}

impl AsyncCallbackHandler for Forwarder {
    fn interests(&self) -> Interests {
        // Of each run at least the end, by which the stream knows how far it is.
        self.wanted
            | Interests::LLM_END
            | Interests::LLM_ERROR
            | Interests::CHAIN
            | Interests::TOOL
            | Interests::RETRIEVER
    }

    async fn on_event(&self, run: &Run, event: &Event) {
        let kind = event.kind();
        let wanted = self.wanted.contains_in(kind, run.run_type()) && self.filter.lets_through(run);
        if wanted && let Some(sender) = self.progress.sender(run) {
            // Fails where nobody reads any more.
            let _ = sender.send(StreamEvent::new(run.clone(), event.clone())).await;
        }
        if kind.is_terminal() {
            self.progress.delivered(run.run_id());
        }
    }
}

/// The handlers of a stream.
pub(super) fn callbacks(
    progress: &Arc<Progress>,
    filter: Filter,
    wanted: Interests,
    deliver: impl FnOnce(Handler) -> Handler,
) -> Callbacks {
    let lost = Arc::clone(progress);
    let watcher = Handler::inline(Watcher(Arc::clone(progress))).name("event stream, watching");
    let forwarder = Forwarder { progress: Arc::clone(progress), filter, wanted };
    let forwarder = deliver(Handler::asynchronous(forwarder).name("event stream"));
    Callbacks::new()
        .on_fault(move |fault: &Fault| lost.lost(fault.run_id))
        .with(watcher)
        .with(forwarder)
}
