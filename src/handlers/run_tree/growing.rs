use std::{collections::HashMap, time::Duration};

use uuid::Uuid;

use super::{RunTree, TreeEvent};
use crate::{
    event::{Event, EventData, RunError},
    run::Run,
};

/// The maximum number of custom events and retries kept for a run.
const MAX_EVENTS: usize = 64;

/// The maximum depth of a tree. A deeper run becomes the root of another tree.
pub(super) const MAX_DEPTH: u32 = 256;

/// A tree with runs that have not ended.
#[derive(Debug, Default)]
pub(super) struct GrowingTree {
    /// Parents come before their children.
    nodes: Vec<Node>,
    at: HashMap<Uuid, usize>,
    /// The number of runs that have not ended.
    open: usize,
}

#[derive(Debug)]
struct Node {
    tree: RunTree,
    parent: Option<usize>,
    depth: u32,
}

impl GrowingTree {
    /// Adds a run below its parent, or as the root.
    pub(super) fn add(&mut self, run: &Run, start: EventData, parent: Option<Uuid>) {
        let parent = parent.and_then(|parent| self.at.get(&parent).copied());
        let depth = parent.map_or(0, |parent| self.nodes[parent].depth + 1);
        self.at.insert(run.run_id(), self.nodes.len());
        self.nodes.push(Node { tree: RunTree::new(run, start), parent, depth });
        self.open += 1;
    }

    pub(super) fn depth(&self, run_id: Uuid) -> Option<u32> {
        self.at.get(&run_id).map(|&at| self.nodes[at].depth)
    }

    /// Adds an event other than a start to its run.
    pub(super) fn event(&mut self, run: &Run, event: &Event) {
        let Some(tree) = self.at.get(&run.run_id()).map(|&at| &mut self.nodes[at].tree) else {
            return;
        };
        if !event.kind().is_terminal() {
            if tree.events.len() < MAX_EVENTS {
                tree.events.push(TreeEvent::new(event));
            }
        } else if tree.end.is_none() {
            tree.duration = Some(duration(event.data()).unwrap_or_else(|| run.elapsed()));
            tree.end = Some(event.data().clone());
            self.open -= 1;
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.open == 0
    }

    pub(super) fn run_ids(&self) -> impl Iterator<Item = Uuid> {
        self.nodes.iter().map(|node| node.tree.run_id)
    }

    /// Returns the tree as it is.
    pub(super) fn finish(mut self) -> Option<RunTree> {
        // From the end: a run's children are complete before it is added to its parent.
        while let Some(Node { mut tree, parent, .. }) = self.nodes.pop() {
            tree.children.reverse();
            match parent {
                Some(parent) => self.nodes[parent].tree.children.push(tree),
                None => return Some(tree),
            }
        }
        None
    }
}

fn duration(end: &EventData) -> Option<Duration> {
    match end {
        EventData::LlmEnd(result) | EventData::ModelEnd(_, result) => Some(result.duration),
        EventData::RunEnd(_, output) => Some(output.duration),
        other => other.error().map(RunError::duration),
    }
}
