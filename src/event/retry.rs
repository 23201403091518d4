use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A new attempt of a call whose previous attempt failed, as a retry or a fallback: the payload of `on_retry`.
///
/// Emitted right after the start of the run that is the new attempt, where an
/// [`AttemptsLayer`](crate::AttemptsLayer) is above the layer that retries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Retry {
    /// The number of the new attempt. The first retry is attempt 2.
    pub attempt: u32,
    /// The error of the previous attempt.
    pub error: Arc<str>,
    /// The id of the run of the previous attempt, whose tokens are discarded.
    pub failed_run_id: Uuid,
}
