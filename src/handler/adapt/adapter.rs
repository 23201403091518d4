use crate::{
    event::{Event, EventKind},
    handler::EventMask,
    run::{Run, RunType},
};

/// What an adaptor makes of an event.
#[derive(Debug)]
#[non_exhaustive]
pub enum Adaptation {
    /// The handler gets the event as it is.
    Same,
    /// The handler gets nothing, now or ever.
    Nothing,
    /// The handler gets another event in its place.
    One(Event),
    /// The handler gets these events, in this order.
    Several(Vec<Event>),
}

/// The part of an adaptor that decides what a handler gets: see [`Adapted`](super::Adapted).
///
/// One event of a run is adapted at a time, events of different runs at the same time. A handler that gets the start of a
/// run must get one terminal event of it.
pub trait Adapter: Send + Sync + 'static {
    /// Returns the events that the adaptor needs for a handler that wants some. What the handler does not want, it does
    /// not get.
    fn event_mask(&self, wanted: EventMask) -> EventMask {
        wanted
    }

    /// Returns what the handler gets for an event.
    fn adapt(&self, run: &Run, event: &Event) -> Adaptation;
}

/// The most runs in flight whose state an adaptor keeps.
pub(super) const MAX_RUNS: usize = 100_000;

/// Adds the terminal events of the run types of a mask, at which the state of a run is dropped.
pub(super) fn with_ends(wanted: EventMask) -> EventMask {
    RunType::ALL.iter().fold(wanted, |mask, &run_type| {
        let ends = match run_type {
            RunType::Llm => [EventKind::LlmEnd, EventKind::LlmError],
            other => [EventKind::RunEnd(other), EventKind::RunError(other)],
        };
        match wanted.intersects(EventMask::of_runs(run_type)) {
            true => ends.into_iter().fold(mask, |mask, end| mask | EventMask::of(end)),
            false => mask,
        }
    })
}
