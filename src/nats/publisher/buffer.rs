use std::{
    collections::{HashSet, VecDeque},
    ops::Range,
};

use uuid::Uuid;

use super::{
    PublishLosses, PublisherStats,
    queued::{Outcome, QueuedEvent},
};
use crate::event::EventKind;

/// The unacknowledged events, numbered in the order in which they came.
#[derive(Debug)]
pub(super) struct Buffer {
    /// `None` for an event that was removed out of order.
    events: VecDeque<Option<QueuedEvent>>,
    /// The number of the first event in the buffer.
    first: u64,
    /// The number of the next event to send on this connection.
    next: u64,
    /// The numbers of events that may be dropped to make room. Excludes events that were sent once: the server may have
    /// received them.
    droppable: VecDeque<u64>,
    /// The number of events in the buffer.
    live: usize,
    /// The number of starts and ends in the buffer.
    edges: usize,
    /// The total size of the payloads.
    bytes: usize,
    /// The runs whose start was lost.
    headless: HashSet<Uuid>,
    max_events: usize,
    max_bytes: usize,
    pub(super) stats: PublisherStats,
    /// Whether the pump found nothing to send, and has to be woken.
    pub(super) idle: bool,
}

impl Buffer {
    pub(super) fn new(max_events: usize, max_bytes: usize) -> Self {
        Self {
            events: VecDeque::new(),
            first: 0,
            next: 0,
            droppable: VecDeque::new(),
            live: 0,
            edges: 0,
            bytes: 0,
            headless: HashSet::new(),
            max_events,
            max_bytes,
            stats: PublisherStats::default(),
            idle: false,
        }
    }

    /// Returns the numbers of the events that are neither acknowledged nor lost.
    pub(super) fn unsettled(&self) -> Range<u64> {
        self.first..self.end()
    }

    fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    pub(super) fn stats(&self) -> PublisherStats {
        PublisherStats { waiting: self.live as u64, ..self.stats }
    }

    pub(super) fn lost(&mut self) -> &mut PublishLosses {
        &mut self.stats.lost
    }

    /// Adds an event, or counts it as lost.
    pub(super) fn push(&mut self, event: QueuedEvent) {
        if self.headless.contains(&event.run_id) {
            self.lose_headless(&event);
            return;
        }
        let room = if event.kind.is_start() {
            // Half of the buffer is reserved for ends.
            self.edges < self.max_events.div_ceil(2) && self.make_room(event.payload.len())
        } else if event.is_edge() {
            self.make_room(event.payload.len())
        } else {
            self.has_room(event.payload.len())
        };
        if !room {
            self.lost().no_room += 1;
            self.lost_start(event.run_id, event.kind);
            return;
        }
        self.live += 1;
        self.edges += usize::from(event.is_edge());
        self.bytes += event.payload.len();
        if !event.is_edge() {
            self.droppable.push_back(self.end());
        }
        self.events.push_back(Some(event));
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.live < self.max_events && self.bytes.saturating_add(bytes) <= self.max_bytes
    }

    /// Drops the latest tokens, so that the beginnings of answers are kept.
    fn make_room(&mut self, bytes: usize) -> bool {
        while !self.has_room(bytes) {
            let Some(number) = self.droppable.pop_back() else { return false };
            self.remove(number);
            self.lost().no_room += 1;
        }
        true
    }

    /// Marks a run whose start was lost: without it, no handler can receive the run's other events.
    fn lost_start(&mut self, run_id: Uuid, kind: EventKind) {
        if kind.is_start() {
            self.headless.insert(run_id);
        }
    }

    /// Counts an event that cannot be serialized.
    pub(super) fn unwritable(&mut self, run_id: Uuid, kind: EventKind) {
        self.lost().unwritable += 1;
        self.lost_start(run_id, kind);
    }

    fn lose_headless(&mut self, event: &QueuedEvent) {
        self.lost().without_start += 1;
        if event.kind.is_terminal() {
            self.headless.remove(&event.run_id);
        }
    }

    fn remove(&mut self, number: u64) -> Option<QueuedEvent> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let event = self.events.get_mut(at)?.take()?;
        self.live -= 1;
        self.edges -= usize::from(event.is_edge());
        self.bytes -= event.payload.len();
        Some(event)
    }

    /// Starts again with the first unacknowledged event, for a new connection.
    pub(super) fn rewind(&mut self) {
        self.next = self.first;
    }

    /// Returns the next events to send, with their numbers.
    pub(super) fn take(&mut self, max: usize, into: &mut VecDeque<(u64, QueuedEvent)>) {
        while into.len() < max && self.next < self.end() {
            let number = self.next;
            self.next += 1;
            while self.droppable.front().is_some_and(|first| *first <= number) {
                self.droppable.pop_front();
            }
            let Some(event) = self.events[(number - self.first) as usize].clone() else { continue };
            if self.headless.contains(&event.run_id) {
                self.remove(number);
                self.lose_headless(&event);
            } else {
                into.push_back((number, event));
            }
        }
        self.trim();
        self.idle = into.is_empty();
    }

    /// Removes an event that was sent, and counts its outcome.
    pub(super) fn settle(&mut self, number: u64, outcome: Outcome) {
        let Some(event) = self.remove(number) else { return };
        if event.kind.is_terminal() {
            self.headless.remove(&event.run_id);
        }
        match outcome {
            Outcome::Acknowledged { duplicate } => {
                self.stats.acknowledged += 1;
                self.stats.duplicates += u64::from(duplicate);
            }
            Outcome::Refused => {
                self.lost().refused += 1;
                self.lost_start(event.run_id, event.kind);
            }
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.first < self.next && self.events.front().is_some_and(Option::is_none) {
            self.events.pop_front();
            self.first += 1;
        }
    }
}
