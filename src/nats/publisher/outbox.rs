use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex},
};

use tokio::sync::{Notify, watch};

use super::{
    PublisherConfig,
    buffer::Buffer,
    queued::{Outcome, QueuedEvent},
};
use crate::sync::lock;

/// The events to publish, shared by the handler and the task that sends them.
pub(super) struct Outbox {
    pub(super) config: PublisherConfig,
    pub(super) buffer: Mutex<Buffer>,
    /// Notifies the pump that there are events to send.
    pub(super) wake: Notify,
    /// The number of the first unsettled event.
    pub(super) settled: watch::Sender<u64>,
}

impl Outbox {
    pub(super) fn new(config: PublisherConfig) -> Arc<Self> {
        let buffer = Mutex::new(Buffer::new(config.events, config.bytes));
        Arc::new(Self { config, buffer, wake: Notify::new(), settled: watch::Sender::new(0) })
    }

    /// Adds events. One without a payload could not be serialized.
    pub(super) fn push(&self, events: Vec<QueuedEvent>) {
        let mut buffer = lock(&self.buffer);
        for event in events {
            match event.payload.is_empty() {
                true => buffer.unwritable(event.run_id, event.kind),
                false => buffer.push(event),
            }
        }
        let idle = mem::take(&mut buffer.idle);
        drop(buffer);
        if idle {
            self.wake.notify_one();
        }
    }

    /// Moves events into a queue until it has `max` events or all are taken.
    pub(super) fn take(&self, max: usize, into: &mut VecDeque<(u64, QueuedEvent)>) {
        let mut buffer = lock(&self.buffer);
        buffer.take(max, into);
        let first = buffer.unsettled().start;
        drop(buffer);
        // Events that were lost meanwhile are settled too.
        self.settled.send_if_modified(|settled| mem::replace(settled, first) != first);
    }

    pub(super) fn settle(&self, outcomes: &mut Vec<(u64, Outcome)>) {
        let mut buffer = lock(&self.buffer);
        for (number, outcome) in outcomes.drain(..) {
            buffer.settle(number, outcome);
        }
        let first = buffer.unsettled().start;
        drop(buffer);
        self.settled.send_replace(first);
    }
}
