use bytes::Bytes;
use uuid::Uuid;

use crate::{event::EventKind, run::RunType};

/// An event to be published.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) run_id: Uuid,
    pub(super) seq: u64,
    pub(super) kind: EventKind,
    pub(super) run_type: RunType,
    pub(super) payload: Bytes,
}

impl Item {
    /// A start or an end.
    pub(super) fn is_edge(&self) -> bool {
        self.kind.is_start() || self.kind.is_terminal()
    }
}

/// What became of an event that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Acknowledged { duplicate: bool },
    Refused,
}
