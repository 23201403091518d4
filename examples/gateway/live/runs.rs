use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;
use tower_llm_callbacks::{Event, Run};
use uuid::Uuid;

use super::{RUNS, entry::RunEntry, overview::Overview};

/// The latest runs.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Entries by number.
    entries: BTreeMap<u64, RunEntry>,
    numbers: HashMap<Uuid, u64>,
    /// The numbers of recently removed runs, each with the number of the change.
    gone: VecDeque<(u64, u64)>,
    started: u64,
    /// The number of the last change.
    pub(super) changes: u64,
    pub(super) totals: Totals,
    pub(super) overview: Overview,
}

/// The counts of all runs, including removed ones.
#[derive(Debug, Default, Clone, Serialize)]
pub(super) struct Totals {
    started: u64,
    running: u64,
    /// Ended runs by final state.
    ended: BTreeMap<&'static str, u64>,
}

impl Runs {
    pub(super) fn apply(&mut self, run: &Run, event: &Event) {
        let kind = event.kind();
        let entry = self.numbers.get(&run.run_id()).and_then(|number| self.entries.get_mut(number));
        let state = if let Some(entry) = entry {
            self.changes += 1;
            entry.changed = self.changes;
            if entry.apply(run, event) {
                entry.reshaped = self.changes;
            }
            if kind.is_terminal() {
                // What is kept of an ended run keeps nothing of the call.
                entry.run = None;
                self.overview.ended(&entry.row, event.time());
            }
            entry.row.state
        } else {
            "not kept"
        };
        if kind.is_terminal() {
            self.changes += 1;
            self.totals.running = self.totals.running.saturating_sub(1);
            *self.totals.ended.entry(state).or_default() += 1;
        }
    }

    pub(super) fn start(&mut self, mut entry: RunEntry) {
        self.changes += 1;
        self.started += 1;
        self.totals.started += 1;
        self.totals.running += 1;
        let (number, id) = (self.started, entry.row.id);
        entry.row.number = number;
        (entry.changed, entry.reshaped) = (self.changes, self.changes);
        self.entries.insert(number, entry);
        if let Some(previous) = self.numbers.insert(id, number) {
            self.remove(previous);
        }
        if self.entries.len() > RUNS
            && let Some(oldest) = self.oldest()
        {
            self.remove(oldest);
        }
    }

    /// Returns the oldest run that has ended, else the oldest run.
    fn oldest(&self) -> Option<u64> {
        let mut entries = self.entries.iter();
        let ended = entries.find(|(_, entry)| entry.row.has_ended()).map(|(number, _)| *number);
        ended.or_else(|| self.entries.keys().next().copied())
    }

    fn remove(&mut self, number: u64) {
        let Some(entry) = self.entries.remove(&number) else { return };
        if self.numbers.get(&entry.row.id) == Some(&number) {
            self.numbers.remove(&entry.row.id);
        }
        self.gone.push_back((self.changes, number));
        if self.gone.len() > RUNS {
            self.gone.pop_front();
        }
    }

    pub(super) fn get(&self, id: Uuid) -> Option<&RunEntry> {
        self.entries.get(self.numbers.get(&id)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &RunEntry> {
        self.entries.values()
    }

    /// Returns the runs removed after a change, or `None` if the change is too old.
    pub(super) fn gone_after(&self, change: u64) -> Option<Vec<u64>> {
        let is_known = self.gone.len() < RUNS || self.gone.front()?.0 <= change;
        let after = self.gone.iter().filter(|(at, _)| *at > change);
        is_known.then(|| after.map(|(_, number)| *number).collect())
    }
}
