use std::collections::{BTreeMap, HashMap, VecDeque};

use uuid::Uuid;

use super::{
    RunTree,
    growing::{GrowingTree, MAX_DEPTH},
};
use crate::{event::Event, run::Run};

/// The state of a [`RunTrees`](super::RunTrees) handler.
pub(super) struct Forest {
    max_trees: usize,
    max_runs: usize,
    /// The unfinished trees by age, oldest first.
    pub(super) growing: BTreeMap<u64, GrowingTree>,
    last_key: u64,
    /// The key of each run's growing tree.
    runs: HashMap<Uuid, u64>,
    pub(super) finished: VecDeque<RunTree>,
    pub(super) dropped: u64,
}

impl Forest {
    pub(super) fn new(max_trees: usize, max_runs: usize) -> Self {
        Self {
            max_trees,
            max_runs,
            growing: BTreeMap::new(),
            last_key: 0,
            runs: HashMap::new(),
            finished: VecDeque::new(),
            dropped: 0,
        }
    }

    pub(super) fn growing_runs(&self) -> usize {
        self.runs.len()
    }

    /// Adds a run to its parent's tree, or as a new tree. Finishes the oldest trees while there are too many runs; their
    /// later events are ignored. Returns the trees that were dropped.
    pub(super) fn start(&mut self, run: &Run, event: &Event) -> Vec<RunTree> {
        // Of concurrent runs with the same id only the first is added: their events cannot be distinguished, so that a
        // tree with both would never finish.
        if self.runs.contains_key(&run.run_id()) {
            return Vec::new();
        }
        let parent = run.parent_run_id().filter(|parent| {
            let tree = self.runs.get(parent).and_then(|key| self.growing.get(key));
            tree.and_then(|tree| tree.depth(*parent)).is_some_and(|depth| depth + 1 < MAX_DEPTH)
        });
        let key = match parent {
            Some(parent) => self.runs[&parent],
            None => {
                self.last_key += 1;
                self.last_key
            }
        };
        self.growing.entry(key).or_default().add(run, event.data().clone(), parent);
        self.runs.insert(run.run_id(), key);
        let mut dropped = Vec::new();
        while self.runs.len() > self.max_runs
            && let Some(oldest) = self.growing.keys().next().copied()
        {
            dropped.extend(self.finish(oldest));
        }
        dropped
    }

    /// Adds an event other than a start to its run. Returns the trees that were dropped.
    pub(super) fn event(&mut self, run: &Run, event: &Event) -> Vec<RunTree> {
        let Some(&key) = self.runs.get(&run.run_id()) else { return Vec::new() };
        let Some(tree) = self.growing.get_mut(&key) else { return Vec::new() };
        tree.event(run, event);
        if tree.is_complete() { self.finish(key) } else { Vec::new() }
    }

    /// Moves a tree to the finished ones. Returns the trees that were dropped.
    fn finish(&mut self, key: u64) -> Vec<RunTree> {
        let Some(tree) = self.growing.remove(&key) else { return Vec::new() };
        for run_id in tree.run_ids() {
            self.runs.remove(&run_id);
        }
        self.finished.extend(tree.finish());
        let mut dropped = Vec::new();
        while self.finished.len() > self.max_trees {
            dropped.extend(self.finished.pop_front());
            self.dropped += 1;
        }
        dropped
    }
}
