use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::SystemTime,
};

use uuid::Uuid;

use super::{counts::Addition, group::Values, names::Names, period::Period};
use crate::event::LlmStart;

/// How many runs are remembered between start and end. What is beyond loses what its start said.
const MAX_OPEN: usize = 100_000;

/// What was counted up to now.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) open: HashMap<Uuid, Asked>,
    pub(super) books: Books,
}

/// What a run's start said.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) provider: Arc<str>,
    pub(super) model: Option<Arc<str>>,
}

/// What is taken as a whole.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) since: SystemTime,
    pub(super) all: Period,
    /// The window that is now, by its number.
    pub(super) current: Option<(u64, Period)>,
    /// Windows that are over, and do not change: so they are copied without the lock.
    pub(super) past: VecDeque<(u64, Arc<Period>)>,
    pub(super) unpriced: Names,
}

impl Books {
    pub(super) fn new() -> Self {
        Self {
            since: SystemTime::now(),
            all: Period::default(),
            current: None,
            past: VecDeque::new(),
            unpriced: Names::default(),
        }
    }

    /// Makes a window the current one. Gives those that are not kept any longer, for they may be large.
    pub(super) fn turn_to(&mut self, now: u64, keep: usize) -> Vec<Arc<Period>> {
        if let Some((number, _)) = &self.current
            && *number < now
            && let Some((number, period)) = self.current.take()
        {
            self.past.push_back((number, Arc::new(period)));
        }
        let mut dropped = Vec::new();
        // The current one is one of those that are kept.
        while let Some((number, _)) = self.past.front()
            && now - number >= keep as u64
        {
            dropped.extend(self.past.pop_front().map(|(_, period)| period));
        }
        dropped
    }

    pub(super) fn add(
        &mut self,
        run: &Addition,
        (groups, more): (&[Values], bool),
        window: Option<u64>,
        max: usize,
    ) {
        self.all.add(run, groups, more, max);
        if let Some(window) = window {
            let (_, period) = self.current.get_or_insert_with(|| (window, Period::default()));
            period.add(run, groups, more, max);
        }
    }
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { open: HashMap::new(), books: Books::new() }
    }

    pub(super) fn start(&mut self, run_id: Uuid, start: &LlmStart) {
        if self.open.len() < MAX_OPEN {
            let provider = Arc::clone(&start.provider);
            let model = start.model.clone();
            self.open.insert(run_id, Asked { provider, model });
        }
    }
}
