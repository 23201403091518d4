use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use tokio::sync::mpsc::Sender;
use uuid::Uuid;

use super::StreamEvent;
use crate::{run::Run, sync::lock};

/// How far the events of a stream are, and when it ends: when everything has been delivered that was told
/// before its root run ended, but for runs that have not ended by then.
#[derive(Debug)]
pub(super) struct Progress {
    state: Mutex<State>,
    ends_with_root: bool,
}

#[derive(Debug)]
struct State {
    /// None once the stream has ended.
    sender: Option<Sender<StreamEvent>>,
    /// The first run that was seen, if the stream ends with it.
    root: Option<Uuid>,
    /// Runs whose terminal event was told and has not been delivered yet.
    undelivered: HashSet<Uuid>,
    /// Runs that have not ended, and whose end will not be delivered.
    lost: HashSet<Uuid>,
    /// The undelivered runs that the stream waits for before it ends.
    ending: Option<HashSet<Uuid>>,
}

impl Progress {
    /// Of a stream that ends with its root run, or when it is [closed](Self::close).
    pub(super) fn new(sender: Sender<StreamEvent>, ends_with_root: bool) -> Arc<Self> {
        let state = State {
            sender: Some(sender),
            root: None,
            undelivered: HashSet::new(),
            lost: HashSet::new(),
            ending: None,
        };
        Arc::new(Self { state: Mutex::new(state), ends_with_root })
    }

    /// A run starts. Told in order, as it happens.
    pub(super) fn started(&self, run: &Run) {
        let mut state = lock(&self.state);
        if self.ends_with_root && state.root.is_none() {
            state.root = Some(run.run_id());
        }
    }

    /// A run has ended. Told in order, as it happens.
    pub(super) fn ended(&self, run: &Run) {
        let mut state = lock(&self.state);
        if state.sender.is_none() {
            return;
        }
        if !state.lost.remove(&run.run_id()) {
            state.undelivered.insert(run.run_id());
        }
        if state.root == Some(run.run_id()) && state.ending.is_none() {
            state.ending = Some(state.undelivered.clone());
            state.end_if_delivered();
        }
    }

    /// A run's terminal event was delivered.
    pub(super) fn delivered(&self, run_id: Uuid) {
        lock(&self.state).delivered(run_id);
    }

    /// The rest of a run will not be delivered: a fault.
    pub(super) fn lost(&self, run_id: Uuid) {
        let mut state = lock(&self.state);
        if !state.delivered(run_id) && state.sender.is_some() {
            state.lost.insert(run_id);
        }
    }

    /// The stream ends when everything is delivered that was told by now.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        let undelivered = state.undelivered.clone();
        state.ending.get_or_insert(undelivered);
        state.end_if_delivered();
    }

    /// Where events go, unless the stream has ended, or a run is none of the root's.
    pub(super) fn sender(&self, run: &Run) -> Option<Sender<StreamEvent>> {
        let state = lock(&self.state);
        let inside = |root| run.run_id() == root || run.parent_ids().contains(&root);
        let is_seen = !self.ends_with_root || state.root.is_some_and(inside);
        state.sender.clone().filter(|sender| is_seen && !sender.is_closed())
    }

    /// Nobody reads any more.
    pub(super) fn detach(&self) {
        let sender = {
            let mut state = lock(&self.state);
            (state.undelivered, state.lost) = Default::default();
            state.sender.take()
        };
        drop(sender);
    }
}

impl State {
    fn delivered(&mut self, run_id: Uuid) -> bool {
        let was_told = self.undelivered.remove(&run_id);
        if let Some(ending) = &mut self.ending {
            ending.remove(&run_id);
        }
        self.end_if_delivered();
        was_told
    }

    fn end_if_delivered(&mut self) {
        if self.ending.as_ref().is_some_and(HashSet::is_empty) {
            self.sender = None;
        }
    }
}
