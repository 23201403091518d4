use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tower_llm_callbacks::{CallbackHandler, Event, EventMask, Registration, Run};

use super::{BROWSERS, entry::RunEntry, runs::Runs};

/// The handler that keeps the runs of the page.
#[derive(Debug, Clone)]
pub(crate) struct LivePage {
    runs: Arc<Mutex<Runs>>,
    pub(super) browsers: Arc<Semaphore>,
}

impl LivePage {
    pub(crate) fn new() -> Self {
        Self { runs: Arc::default(), browsers: Arc::new(Semaphore::new(BROWSERS)) }
    }

    /// Registers the handler in the background, where no call waits for it, with two threads, since reading a long
    /// prompt takes time.
    pub(crate) fn handler(&self) -> Registration {
        Registration::blocking(self.clone())
            .background()
            .threads(2)
            .capacity(1024)
            .name("live page")
    }

    /// Locks the runs, which must be for a short time only.
    pub(super) fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallbackHandler for LivePage {
    fn event_mask(&self) -> EventMask {
        EventMask::ALL - EventMask::CUSTOM - EventMask::TOKEN_TIMES
    }

    fn on_event(&self, run: &Run, event: &Event) {
        if event.kind().is_start() {
            // Read before locking: a long prompt takes time, and feeds wait for the lock on the runtime's threads.
            let entry = RunEntry::new(run, event.data());
            self.runs().start(entry);
        } else {
            self.runs().apply(run, event);
        }
    }
}
