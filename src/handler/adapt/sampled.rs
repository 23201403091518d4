use std::{
    fmt,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use super::{
    Adaptation, Adapter, Sampling,
    adapter::{MAX_RUNS, with_ends},
};
use crate::{
    event::{Event, EventKind},
    handler::{EventMask, Open},
    run::{Run, RunType},
};

/// Samples runs: see [`HandlerExt::sample`](super::HandlerExt::sample).
pub struct Sampled {
    sampling: Sampling,
    /// The runs whose end decides.
    waiting: Open<Waiting>,
    events: AtomicUsize,
    seen: AtomicU64,
    kept: AtomicU64,
}

/// How many runs a [sample](Sampled) was of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SampleStats {
    /// The runs that ended.
    pub runs: u64,
    /// The runs that the handler was notified of.
    pub kept_runs: u64,
}

#[derive(Default)]
struct Waiting {
    events: Vec<Event>,
    dropped_tokens: u64,
}

impl Sampled {
    pub(super) fn new(sampling: Sampling) -> Self {
        Self {
            sampling,
            waiting: Open::new(MAX_RUNS),
            events: AtomicUsize::new(0),
            seen: AtomicU64::new(0),
            kept: AtomicU64::new(0),
        }
    }

    /// Returns how many runs have ended, and how many of them the handler got.
    pub fn stats(&self) -> SampleStats {
        SampleStats {
            runs: self.seen.load(Ordering::Relaxed),
            kept_runs: self.kept.load(Ordering::Relaxed),
        }
    }

    fn ended(&self, is_kept: bool) {
        self.seen.fetch_add(1, Ordering::Relaxed);
        self.kept.fetch_add(u64::from(is_kept), Ordering::Relaxed);
    }

    fn starts(&self, run: &Run, event: &Event) {
        let events = vec![event.clone()];
        self.events.fetch_add(1, Ordering::Relaxed);
        if let Some(evicted) = self.waiting.insert(run, Waiting { events, dropped_tokens: 0 }) {
            self.events.fetch_sub(evicted.events.len(), Ordering::Relaxed);
        }
    }

    fn waits(&self, run: &Run, event: &Event) {
        let is_token = event.kind() == EventKind::LlmNewToken;
        self.waiting.with(run.run_id(), |waiting| {
            let has_room = waiting.events.len() < self.sampling.events_of_a_run
                && self.events.load(Ordering::Relaxed) < self.sampling.events;
            if has_room {
                self.events.fetch_add(1, Ordering::Relaxed);
                waiting.events.push(event.clone());
            } else {
                waiting.dropped_tokens += u64::from(is_token);
            }
        });
    }

    fn ends(&self, run: &Run, event: &Event) -> Adaptation {
        // Without its start, it was evicted: the handler gets nothing of it.
        let waiting = self.waiting.remove(run);
        if let Some(waiting) = &waiting {
            self.events.fetch_sub(waiting.events.len(), Ordering::Relaxed);
        }
        let waiting = waiting.filter(|_| self.sampling.keeps_end(event.data()));
        self.ended(waiting.is_some());
        let Some(Waiting { mut events, dropped_tokens }) = waiting else {
            return Adaptation::Nothing;
        };
        let mut last = event.clone();
        if dropped_tokens > 0 {
            let before = last.dropped_tokens();
            last = last.with_data(last.data().with_dropped_tokens(before + dropped_tokens));
        }
        events.push(last);
        Adaptation::Several(events)
    }
}

impl Adapter for Sampled {
    fn event_mask(&self, wanted: EventMask) -> EventMask {
        let starts = |mask: EventMask, run_type: RunType| match run_type {
            RunType::Llm => mask | EventMask::LLM_START,
            other => mask | EventMask::of(EventKind::RunStart(other)),
        };
        let wants = |run_type: &RunType| wanted.intersects(EventMask::of_runs(*run_type));
        RunType::ALL.iter().copied().filter(wants).fold(with_ends(wanted), starts)
    }

    fn adapt(&self, run: &Run, event: &Event) -> Adaptation {
        let kind = event.kind();
        if self.sampling.keeps_tree(run) {
            if kind.is_terminal() {
                self.ended(true);
            }
            return Adaptation::Same;
        }
        if !self.sampling.looks_at_ends() {
            if kind.is_terminal() {
                self.ended(false);
            }
            return Adaptation::Nothing;
        }
        if kind.is_terminal() {
            return self.ends(run, event);
        }
        if kind.is_start() {
            self.starts(run, event);
        } else {
            self.waits(run, event);
        }
        Adaptation::Nothing
    }
}

impl fmt::Debug for Sampled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampled")
            .field("sampling", &self.sampling)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
