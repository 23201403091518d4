use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use uuid::Uuid;

use crate::sync::lock;

/// The attempts of one call. Each is a run of its own.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    begun: AtomicU32,
    failed: Mutex<Option<FailedAttempt>>,
}

/// The failed attempt before the present one.
#[derive(Debug, Clone)]
pub(crate) struct FailedAttempt {
    pub(crate) run_id: Uuid,
    /// The error's message, under the content setting of the failed run.
    pub(crate) error: Arc<str>,
    /// The error's message without any content.
    pub(crate) without_content: Arc<str>,
}

impl Attempts {
    /// Counts another attempt. Returns its number, from 1, and the attempt before it if that failed.
    pub(crate) fn begin(&self) -> (u32, Option<FailedAttempt>) {
        let number = self.begun.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        (number, lock(&self.failed).take())
    }

    /// Records a failed attempt: the next one is a retry.
    pub(crate) fn fail(&self, attempt: FailedAttempt) {
        *lock(&self.failed) = Some(attempt);
    }
}
