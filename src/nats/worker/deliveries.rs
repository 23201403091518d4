use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use uuid::Uuid;

use crate::{
    event::{EventKind, EventRecord},
    relay::{Relay, Relayed},
};

/// The records that are being delivered: those of one run one after the other, those of different runs concurrently.
pub(super) struct Deliveries {
    relay: Arc<Relay>,
    running: FuturesUnordered<BoxFuture<'static, Delivered>>,
    /// For each run with a running delivery, the records that come next.
    next: HashMap<Uuid, VecDeque<Pending>>,
    /// The number of running deliveries and of records that come next.
    waiting: usize,
}

struct Pending {
    record: EventRecord,
    opened: bool,
}

/// A record that was passed to the relay.
pub(super) struct Delivered {
    pub(super) run_id: Uuid,
    pub(super) kind: EventKind,
    pub(super) relayed: Relayed,
    /// Whether the record opened the run in the [floor](super::floor::Floor).
    pub(super) opened: bool,
}

impl Deliveries {
    pub(super) fn new(relay: Arc<Relay>) -> Self {
        Self { relay, running: FuturesUnordered::new(), next: HashMap::new(), waiting: 0 }
    }

    /// Returns the number of records that are not delivered yet.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Delivers a record after the earlier ones of its run. Returns it if that was possible at once.
    pub(super) fn add(&mut self, record: EventRecord, opened: bool) -> Option<Delivered> {
        let run_id = record.run_id;
        let pending = Pending { record, opened };
        if let Some(next) = self.next.get_mut(&run_id) {
            next.push_back(pending);
            self.waiting += 1;
            return None;
        }
        let mut delivery = self.deliver(pending);
        // Most deliveries complete at once.
        let delivered = (&mut delivery).now_or_never();
        if delivered.is_none() {
            self.next.insert(run_id, VecDeque::new());
            self.running.push(delivery);
            self.waiting += 1;
        }
        delivered
    }

    fn deliver(&self, Pending { record, opened }: Pending) -> BoxFuture<'static, Delivered> {
        let relay = Arc::clone(&self.relay);
        let (run_id, kind) = (record.run_id, record.kind());
        let delivery = async move {
            let relayed = relay.deliver(record).await;
            Delivered { run_id, kind, relayed, opened }
        };
        delivery.boxed()
    }

    /// Waits for the next record to be delivered. Never completes if no record is waiting.
    pub(super) async fn next(&mut self) -> Delivered {
        let Some(delivered) = self.running.next().await else {
            return std::future::pending().await;
        };
        self.waiting -= 1;
        match self.next.get_mut(&delivered.run_id).and_then(VecDeque::pop_front) {
            Some(next) => self.running.push(self.deliver(next)),
            None => drop(self.next.remove(&delivered.run_id)),
        }
        delivered
    }
}
