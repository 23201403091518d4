use std::time::Duration;

use super::Suspension;

/// How events reach a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// The handler is called in the stream's poll, and must not block. For counters and spans.
    Inline,
    /// Events go to the handler's queue, in order. If the queue is full, the stream waits.
    Pipelined,
    /// An event is handled before the consumer gets the item that caused it.
    Lockstep,
    /// Events go to the handler's queue, and nothing ever waits for the handler.
    Background,
}

impl Delivery {
    /// Whether the phases of a call wait for the handler.
    pub(crate) fn is_awaited(self) -> bool {
        matches!(self, Delivery::Pipelined | Delivery::Lockstep)
    }
}

/// What happens to tokens when a handler's queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// The stream waits until there is room. Background handlers drop tokens instead, because nothing waits for
    /// them.
    Wait,
    /// The tokens are dropped, and counted in [`LlmResult::dropped_tokens`](crate::LlmResult::dropped_tokens) of the
    /// terminal event.
    DropTokens,
}

/// How long the events of a background handler gather: nothing waits for it.
const BACKGROUND_LINGER: Duration = Duration::from_millis(10);

/// So that the end of a linger can be represented.
const LONGEST_LINGER: Duration = Duration::from_secs(86_400);

/// The settings of a registration.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) delivery: Delivery,
    pub(crate) overflow: Overflow,
    pub(crate) capacity: usize,
    pub(crate) deadline: Duration,
    /// `None` is the default of the delivery.
    pub(crate) linger: Option<Duration>,
    pub(crate) threads: usize,
    pub(crate) max_undelivered_runs: usize,
    pub(crate) abort_on_fault: bool,
    pub(crate) suspension: Option<Suspension>,
}

impl Settings {
    pub(crate) fn new(delivery: Delivery) -> Self {
        Self {
            delivery,
            overflow: Overflow::Wait,
            capacity: 256,
            deadline: Duration::from_secs(30),
            linger: None,
            threads: 16,
            max_undelivered_runs: 10_000,
            abort_on_fault: false,
            suspension: Some(Suspension::default()),
        }
    }

    /// Returns how long events may gather before the handler is woken for them.
    pub(crate) fn linger(&self) -> Duration {
        let linger = match self.delivery {
            Delivery::Inline | Delivery::Lockstep => Duration::ZERO,
            Delivery::Pipelined => self.linger.unwrap_or_default(),
            Delivery::Background => self.linger.unwrap_or(BACKGROUND_LINGER),
        };
        linger.min(LONGEST_LINGER)
    }
}
