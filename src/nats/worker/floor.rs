use std::collections::{BTreeMap, HashMap};

use async_nats::Subject;
use uuid::Uuid;

/// The position in a partition before which everything is done: the start of the earliest unfinished run. A successor
/// of the worker starts there.
#[derive(Debug, Default)]
pub(super) struct Floor {
    /// The unfinished runs, and the positions of their starts in the stream.
    open: HashMap<Uuid, u64>,
    /// The positions of the starts, and the subject that acknowledges everything before. `None` if no message came
    /// before it on this connection.
    starts: BTreeMap<u64, Option<Subject>>,
    /// The position of the last message that was read on any connection.
    last: u64,
    /// The subject that acknowledges everything that was read on this connection.
    last_ack: Option<Subject>,
    acknowledged: Option<Subject>,
}

impl Floor {
    /// Returns the position of the last message that was read.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Returns the position of the last message that need not be read again.
    pub(super) fn done(&self) -> u64 {
        self.starts.first_key_value().map_or(self.last, |(start, _)| start - 1)
    }

    /// Forgets everything, because the stream is a new one.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Forgets the acknowledgement subjects, which are not valid on a new connection.
    pub(super) fn reconnected(&mut self) {
        self.starts.values_mut().for_each(|ack| *ack = None);
        (self.last_ack, self.acknowledged) = (None, None);
    }

    /// Opens a run that starts with the message being read. Returns whether it was not open before.
    pub(super) fn start(&mut self, run_id: Uuid, at: u64) -> bool {
        if self.open.contains_key(&run_id) {
            return false;
        }
        self.open.insert(run_id, at);
        self.starts.insert(at, self.last_ack.clone());
        true
    }

    /// Closes a run that is finished.
    pub(super) fn end(&mut self, run_id: Uuid) {
        if let Some(at) = self.open.remove(&run_id) {
            self.starts.remove(&at);
        }
    }

    /// Records a message that was read, perhaps again.
    pub(super) fn received(&mut self, at: u64, ack: Subject) {
        if at > self.last {
            self.last = at;
        } else if let Some(start) = self.starts.get_mut(&at) {
            start.clone_from(&self.last_ack);
        }
        self.last_ack = Some(ack);
    }

    /// Returns the subject to acknowledge, if there is more to acknowledge than the last time.
    pub(super) fn acknowledge(&mut self) -> Option<Subject> {
        let ack = match self.starts.first_key_value() {
            Some((_, before)) => before,
            None => &self.last_ack,
        };
        if *ack == self.acknowledged {
            return None;
        }
        self.acknowledged.clone_from(ack);
        ack.clone()
    }
}
