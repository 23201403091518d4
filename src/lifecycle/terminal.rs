use std::sync::Arc;

use super::cause::{aborted, without_credentials};
use crate::{
    delivery,
    event::{ContentCapture, EventData, Failure},
    redact::Credentials,
    run::{Abort, Attempts, FailedAttempt, Run},
};

/// The terminal event of a run, until it is emitted. An abort may come before that.
pub(super) struct Terminal {
    pub(super) event: EventData,
    pub(super) failed: Option<Failure>,
    pub(super) attempts: Option<Arc<Attempts>>,
    /// What the reason of an abort may not quote.
    pub(super) credentials: Option<Arc<Credentials>>,
}

impl delivery::Terminal for Terminal {
    fn emit(self: Box<Self>, run: &Run, abort: Option<&Abort>) -> EventData {
        let Self { mut event, mut failed, attempts, credentials } = *self;
        if let Some(abort) = abort {
            let mut failure = aborted(abort);
            if let Some(credentials) = credentials {
                failure = without_credentials(failure, &credentials);
            }
            event = event.failed(failure.clone());
            failed = Some(failure);
        }
        if let (Some(failure), Some(attempts)) = (failed, attempts) {
            attempts.fail(FailedAttempt {
                run_id: run.run_id(),
                error: Arc::clone(&failure.message),
                without_content: ContentCapture::Off.failure(failure).message,
            });
        }
        tracing::trace!(
            target: "tower_llm_callbacks",
            run_id = %run.run_id(),
            event = event.kind().as_str(),
            "terminal emitted"
        );
        event
    }
}
