use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use uuid::Uuid;

use crate::sync::lock;

/// The attempts of one call: each is a run of its own.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    begun: AtomicU32,
    failed: Mutex<Option<FailedAttempt>>,
}

/// The attempt before this one, which has failed.
#[derive(Debug, Clone)]
pub(crate) struct FailedAttempt {
    pub(crate) run_id: Uuid,
    /// Its error, as far as its own run may tell it.
    pub(crate) error: Arc<str>,
    /// The same, as far as a run may that tells no content.
    pub(crate) without_content: Arc<str>,
}

impl Attempts {
    /// Another attempt begins: its number, from 1, and what became of the one before if it failed.
    pub(crate) fn begin(&self) -> (u32, Option<FailedAttempt>) {
        let number = self.begun.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        (number, lock(&self.failed).take())
    }

    /// An attempt has failed: the next one, if there is one, is a retry.
    pub(crate) fn fail(&self, attempt: FailedAttempt) {
        *lock(&self.failed) = Some(attempt);
    }
}
