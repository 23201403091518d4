use std::{
    collections::{HashSet, VecDeque},
    ops::Range,
};

use uuid::Uuid;

use super::{
    PublishLosses, PublisherStats,
    item::{Item, Settled},
};
use crate::event::EventKind;

/// The events that the server has not acknowledged, in the order in which they came. Each has a number.
#[derive(Debug)]
pub(super) struct Buffer {
    /// None for what went before its turn.
    events: VecDeque<Option<Item>>,
    /// The number of the first of them.
    first: u64,
    /// The number of the next to send on this connection.
    next: u64,
    /// The numbers of those that may go for others. What was ever sent may be at the server, and is not among them.
    droppable: VecDeque<u64>,
    /// How many there are, how many of them are starts and ends, and their bytes.
    live: usize,
    edges: usize,
    bytes: usize,
    /// Runs whose start was lost.
    headless: HashSet<Uuid>,
    max_events: usize,
    max_bytes: usize,
    pub(super) stats: PublisherStats,
    /// The pump found nothing to send.
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

    /// The numbers of those that are not settled.
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

    /// Takes an event, or loses it.
    pub(super) fn push(&mut self, item: Item) {
        if self.headless.contains(&item.run_id) {
            self.lose_headless(&item);
            return;
        }
        let room = if item.kind.is_start() {
            // Its end needs room too.
            self.edges < self.max_events.div_ceil(2) && self.make_room(item.payload.len())
        } else if item.is_edge() {
            self.make_room(item.payload.len())
        } else {
            self.has_room(item.payload.len())
        };
        if !room {
            self.lost().no_room += 1;
            self.lost_start(item.run_id, item.kind);
            return;
        }
        self.live += 1;
        self.edges += usize::from(item.is_edge());
        self.bytes += item.payload.len();
        if !item.is_edge() {
            self.droppable.push_back(self.end());
        }
        self.events.push_back(Some(item));
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.live < self.max_events && self.bytes.saturating_add(bytes) <= self.max_bytes
    }

    /// The latest tokens go: so that what is told of an answer is its beginning.
    fn make_room(&mut self, bytes: usize) -> bool {
        while !self.has_room(bytes) {
            let Some(number) = self.droppable.pop_back() else { return false };
            self.remove(number);
            self.lost().no_room += 1;
        }
        true
    }

    /// Nobody can be told of a run whose start is not there.
    fn lost_start(&mut self, run_id: Uuid, kind: EventKind) {
        if kind.is_start() {
            self.headless.insert(run_id);
        }
    }

    /// Counts an event that is none in JSON.
    pub(super) fn unwritable(&mut self, run_id: Uuid, kind: EventKind) {
        self.lost().unwritable += 1;
        self.lost_start(run_id, kind);
    }

    fn lose_headless(&mut self, item: &Item) {
        self.lost().without_start += 1;
        if item.kind.is_terminal() {
            self.headless.remove(&item.run_id);
        }
    }

    fn remove(&mut self, number: u64) -> Option<Item> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let item = self.events.get_mut(at)?.take()?;
        self.live -= 1;
        self.edges -= usize::from(item.is_edge());
        self.bytes -= item.payload.len();
        Some(item)
    }

    /// On a new connection all is sent again that was not acknowledged.
    pub(super) fn rewind(&mut self) {
        self.next = self.first;
    }

    /// The next ones to send, with their numbers.
    pub(super) fn take(&mut self, most: usize, into: &mut VecDeque<(u64, Item)>) {
        while into.len() < most && self.next < self.end() {
            let number = self.next;
            self.next += 1;
            while self.droppable.front().is_some_and(|first| *first <= number) {
                self.droppable.pop_front();
            }
            let Some(item) = self.events[(number - self.first) as usize].clone() else { continue };
            if self.headless.contains(&item.run_id) {
                self.remove(number);
                self.lose_headless(&item);
            } else {
                into.push_back((number, item));
            }
        }
        self.trim();
        self.idle = into.is_empty();
    }

    /// Says what became of an event that was sent.
    pub(super) fn settle(&mut self, number: u64, settled: Settled) {
        let Some(item) = self.remove(number) else { return };
        if item.kind.is_terminal() {
            self.headless.remove(&item.run_id);
        }
        match settled {
            Settled::Acknowledged { duplicate } => {
                self.stats.acknowledged += 1;
                self.stats.duplicates += u64::from(duplicate);
            }
            Settled::Refused => {
                self.lost().refused += 1;
                self.lost_start(item.run_id, item.kind);
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
