use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Semaphore;
use tower_llm_callbacks::{
    CallbackHandler, EventMask, HandlerExt, HttpCallbackLayer, Registration,
    handler::{BatchError, BatchEvent},
    http_layer::UnobservedRequests,
};
use uuid::Uuid;

use super::{BROWSERS, entry::RunEntry, runs::Runs};
use crate::{config::Texts, uploads::Uploads};

/// The handler that keeps the runs of the page.
#[derive(Debug, Clone)]
pub(crate) struct LivePage {
    runs: Arc<Mutex<Runs>>,
    pub(super) browsers: Arc<Semaphore>,
    /// The layer that makes the runs.
    layer: Arc<OnceLock<(HttpCallbackLayer, Arc<Uploads>)>>,
    /// What a request has to know that aborts a call. `None` if none may.
    abort_token: Option<Arc<str>>,
    mask: Texts,
}

impl LivePage {
    pub(crate) fn new() -> Self {
        Self {
            runs: Arc::default(),
            browsers: Arc::new(Semaphore::new(BROWSERS)),
            layer: Arc::default(),
            abort_token: None,
            mask: Texts::default(),
        }
    }

    /// Lets users of the page abort running calls.
    pub(crate) fn allow_aborts(mut self, allow: bool) -> Self {
        // Random numbers of 2 × 74 bits.
        let token = || format!("{}{}", Uuid::now_v7().simple(), Uuid::now_v7().simple()).into();
        self.abort_token = allow.then(token);
        self
    }

    /// Sets what is covered in the texts of runs.
    pub(crate) fn mask(mut self, mask: Texts) -> Self {
        self.mask = mask;
        self
    }

    pub(super) fn abort_token(&self) -> Option<&str> {
        self.abort_token.as_deref()
    }

    /// Registers the handler in the background, where no call waits for it, with two threads, since reading a long
    /// prompt takes time.
    pub(crate) fn handler(&self) -> Registration {
        let registration = match self.mask {
            Texts::Uncovered => Registration::blocking(self.clone()),
            mask => Registration::blocking(HandlerExt::mask(self.clone(), mask)),
        };
        registration.background().threads(2).capacity(1024).name("live page")
    }

    /// Has the page show how many calls wait for their request, in a layer or before.
    pub(crate) fn watch(&self, layer: &HttpCallbackLayer, uploads: &Arc<Uploads>) {
        let _ = self.layer.set((layer.clone(), Arc::clone(uploads)));
    }

    /// Returns the number of calls whose request has not arrived. They have no run yet.
    pub(super) fn waiting(&self) -> usize {
        self.layer
            .get()
            .map_or(0, |(layer, uploads)| layer.stats().waiting_requests + uploads.waiting())
    }

    /// Returns the requests that no format recognised, and how many there are in all. They have no run.
    pub(super) fn unobserved(&self) -> (u64, Vec<UnobservedRequests>) {
        let all = self.layer.get().map(|(layer, _)| layer.stats().unobserved).unwrap_or_default();
        (all.iter().map(|it| it.requests).sum(), all)
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

    /// The page locks its runs once for all events that have gathered.
    fn on_events(&self, batch: &[BatchEvent<'_>]) -> Result<(), BatchError> {
        // Read before locking: a long prompt takes time, and feeds wait for the lock on the runtime's threads.
        let entry = |BatchEvent { run, event, .. }: &BatchEvent<'_>| {
            event.kind().is_start().then(|| {
                let mut entry = RunEntry::new(run, event.data());
                entry.run = self.abort_token.is_some().then(|| (*run).clone());
                entry
            })
        };
        let entries: Vec<_> = batch.iter().map(entry).collect();
        let mut runs = self.runs();
        for (BatchEvent { run, event, .. }, entry) in batch.iter().zip(entries) {
            match entry {
                Some(entry) => runs.start(entry),
                None => runs.apply(run, event),
            }
        }
        Ok(())
    }
}
