use std::sync::Arc;

/// How a handler of a set is doing: of [`Callbacks::stats`](super::Callbacks::stats).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerStats {
    /// The handler's name: its type's, or the one it was given.
    pub handler: Arc<str>,
    /// Runs that have events for it which it has not handled.
    pub undelivered_runs: usize,
    /// Those events, the ones in its hands included. Inline handlers have none.
    pub undelivered_events: u64,
    /// Token events that it did not get since its queue was full, ever.
    pub dropped_tokens: u64,
    /// Its [faults](super::Fault), ever.
    pub faults: u64,
}
