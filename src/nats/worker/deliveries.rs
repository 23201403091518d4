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

/// Records that are being told: those of one run one after the other, those of different runs at once.
pub(super) struct Deliveries {
    relay: Arc<Relay>,
    running: FuturesUnordered<BoxFuture<'static, Delivered>>,
    /// Of each run one record of which is being told, those that come next.
    next: HashMap<Uuid, VecDeque<Delivery>>,
    /// How many all of them are.
    waiting: usize,
}

struct Delivery {
    record: EventRecord,
    opened: bool,
}

/// A record that was told, or not.
pub(super) struct Delivered {
    pub(super) run_id: Uuid,
    pub(super) kind: EventKind,
    pub(super) relayed: Relayed,
    /// It is what opened the run in the [floor](super::floor::Floor).
    pub(super) opened: bool,
}

impl Deliveries {
    pub(super) fn new(relay: Arc<Relay>) -> Self {
        Self { relay, running: FuturesUnordered::new(), next: HashMap::new(), waiting: 0 }
    }

    /// How many records are not told.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Tells a record, when those of its run before it are told: now, if it can be.
    pub(super) fn add(&mut self, record: EventRecord, opened: bool) -> Option<Delivered> {
        let delivery = Delivery { record, opened };
        if let Some(next) = self.next.get_mut(&delivery.record.run_id) {
            next.push_back(delivery);
            self.waiting += 1;
            return None;
        }
        let run_id = delivery.record.run_id;
        let mut telling = self.tell(delivery);
        // Most need not wait for anybody.
        let told = (&mut telling).now_or_never();
        if told.is_none() {
            self.next.insert(run_id, VecDeque::new());
            self.running.push(telling);
            self.waiting += 1;
        }
        told
    }

    fn tell(&self, Delivery { record, opened }: Delivery) -> BoxFuture<'static, Delivered> {
        let relay = Arc::clone(&self.relay);
        let (run_id, kind) = (record.run_id, record.kind());
        let telling = async move {
            let relayed = relay.deliver(record).await;
            Delivered { run_id, kind, relayed, opened }
        };
        telling.boxed()
    }

    /// The next of those that waited; never, where none does.
    pub(super) async fn next(&mut self) -> Delivered {
        let Some(told) = self.running.next().await else { return std::future::pending().await };
        self.waiting -= 1;
        match self.next.get_mut(&told.run_id).and_then(VecDeque::pop_front) {
            Some(next) => self.running.push(self.tell(next)),
            None => drop(self.next.remove(&told.run_id)),
        }
        told
    }
}
