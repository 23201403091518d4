use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tower::BoxError;
use uuid::Uuid;

use crate::handlers::usage::budget::spending::Spending;

/// The version of the format of accounts.
const VERSION: u32 = 1;

/// An account: a part for each process, which only that process changes.
///
/// Numbers are absolute. So a part that is written again, after a write whose outcome is not known, counts once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parts {
    v: u32,
    parts: BTreeMap<Uuid, Part>,
}

/// What the runs of a process have spent, and what they reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Part {
    /// Counts the writes: a sign of life.
    seq: u64,
    spent: Spending,
    reserved: Spending,
}

/// An amount that is spent, and one that is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Used {
    pub(super) spent: Spending,
    pub(super) reserved: Spending,
}

impl Part {
    pub(super) fn new(seq: u64, used: Used) -> Self {
        Self { seq, spent: used.spent, reserved: used.reserved }
    }

    pub(super) fn seq(self) -> u64 {
        self.seq
    }

    pub(super) fn used(self) -> Used {
        Used { spent: self.spent, reserved: self.reserved }
    }
}

impl Used {
    pub(super) fn plus(self, other: Self) -> Self {
        let spent = self.spent.plus(other.spent);
        Self { spent, reserved: self.reserved.plus(other.reserved) }
    }

    pub(super) fn total(self) -> Spending {
        self.spent.plus(self.reserved)
    }
}

impl Default for Parts {
    fn default() -> Self {
        Self { v: VERSION, parts: BTreeMap::new() }
    }
}

impl Parts {
    pub(super) fn from_json(text: &str) -> Result<Self, BoxError> {
        let parts: Self = serde_json::from_str(text)
            .map_err(|error| format!("the account is not one of this crate: {error}"))?;
        if parts.v != VERSION {
            let found = parts.v;
            return Err(format!("the account has version {found}, expected {VERSION}").into());
        }
        Ok(parts)
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("an account has only numbers and texts")
    }

    pub(super) fn get(&self, process: Uuid) -> Used {
        self.parts.get(&process).map_or(Used::default(), |part| part.used())
    }

    pub(super) fn set(&mut self, process: Uuid, part: Part) {
        self.parts.insert(process, part);
    }

    /// Returns the parts of other processes.
    pub(super) fn others(&self, process: Uuid) -> impl Iterator<Item = (Uuid, Part)> {
        self.parts.iter().filter(move |(id, _)| **id != process).map(|(id, part)| (*id, *part))
    }

    /// Releases the reservations of a process.
    pub(super) fn release(&mut self, process: Uuid) {
        if let Some(part) = self.parts.get_mut(&process) {
            part.reserved = Spending::default();
        }
    }

    /// Removes parts that say nothing.
    pub(super) fn tidy(&mut self) {
        self.parts.retain(|_, part| part.used() != Used::default());
    }
}
