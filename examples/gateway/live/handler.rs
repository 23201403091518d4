use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tower_llm_callbacks::{CallbackHandler, Event, EventMask, Registration, Run};

use super::{BROWSERS, entry::Entry, runs::Runs};

/// Keeps what the page shows.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    runs: Arc<Mutex<Runs>>,
    pub(super) browsers: Arc<Semaphore>,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self { runs: Arc::default(), browsers: Arc::new(Semaphore::new(BROWSERS)) }
    }

    /// In the background: no call waits for it. Two threads, for reading a long prompt takes a while.
    pub(crate) fn handler(&self) -> Registration {
        Registration::blocking(self.clone())
            .background()
            .threads(2)
            .capacity(1024)
            .name("live page")
    }

    /// Held for a short time only.
    pub(super) fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallbackHandler for Live {
    fn event_mask(&self) -> EventMask {
        EventMask::ALL - EventMask::CUSTOM - EventMask::TOKEN_TIMES
    }

    fn on_event(&self, run: &Run, event: &Event) {
        if event.kind().is_start() {
            // A long prompt takes a while to read; feeds wait for the lock on the runtime's threads.
            let entry = Entry::new(run, event.data());
            self.runs().start(entry);
        } else {
            self.runs().tell(run, event);
        }
    }
}
