use std::collections::{BTreeMap, HashMap};

use async_nats::Subject;
use uuid::Uuid;

/// How far a partition is done: everything before the start of the earliest run that is not told to its end. There
/// a worker begins that takes its place.
#[derive(Debug, Default)]
pub(super) struct Floor {
    /// The runs that are not told to their end, and where their starts are in the stream.
    open: HashMap<Uuid, u64>,
    /// Those places, and the subject that acknowledges all before; none where nothing came before on this
    /// connection.
    starts: BTreeMap<u64, Option<Subject>>,
    /// The last message that was read, ever, and the subject that acknowledges it and all before.
    last: u64,
    last_ack: Option<Subject>,
    acknowledged: Option<Subject>,
}

impl Floor {
    /// The last message that was read.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// The last message that need not be read again.
    pub(super) fn done(&self) -> u64 {
        self.starts.first_key_value().map_or(self.last, |(start, _)| start - 1)
    }

    /// All the places are of another stream.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// A new connection: what acknowledged on the old one does no more.
    pub(super) fn reconnected(&mut self) {
        self.starts.values_mut().for_each(|ack| *ack = None);
        (self.last_ack, self.acknowledged) = (None, None);
    }

    /// A run starts with the message that is about to be read. Whether it was not open before.
    pub(super) fn start(&mut self, run_id: Uuid, at: u64) -> bool {
        if self.open.contains_key(&run_id) {
            return false;
        }
        self.open.insert(run_id, at);
        self.starts.insert(at, self.last_ack.clone());
        true
    }

    /// A run is told to its end.
    pub(super) fn end(&mut self, run_id: Uuid) {
        if let Some(at) = self.open.remove(&run_id) {
            self.starts.remove(&at);
        }
    }

    /// A message was read, perhaps again.
    pub(super) fn read(&mut self, at: u64, ack: Subject) {
        if at > self.last {
            self.last = at;
        } else if let Some(start) = self.starts.get_mut(&at) {
            start.clone_from(&self.last_ack);
        }
        self.last_ack = Some(ack);
    }

    /// What to acknowledge, where there is more than the last time.
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
