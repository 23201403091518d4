use bytes::Bytes;
use uuid::Uuid;

use crate::{event::EventKind, run::RunType};

/// An event to be published.
#[derive(Debug, Clone)]
pub(super) struct QueuedEvent {
    pub(super) run_id: Uuid,
    pub(super) seq: u64,
    pub(super) kind: EventKind,
    pub(super) run_type: RunType,
    pub(super) payload: Bytes,
}

impl QueuedEvent {
    /// Returns whether the event is the start or the end of a run.
    pub(super) fn is_edge(&self) -> bool {
        self.kind.is_start() || self.kind.is_terminal()
    }
}

/// The outcome of sending an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Acknowledged { duplicate: bool },
    Refused,
}
