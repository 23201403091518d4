use metrics::{counter, gauge};

use super::describe::{DROPPED, EVENTS, FAULTS, RUNS, describe};
use crate::{
    callbacks::{Callbacks, FaultKind},
    event::EventKind,
};

/// Metrics of the handlers of a set: the events that they have not handled yet, and what they lose.
///
/// | metric | type | labels |
/// |---|---|---|
/// | `llm_callbacks_faults_total` | counter | `handler`, `kind`, `event` |
/// | `llm_callbacks_undelivered_events`, `llm_callbacks_undelivered_runs` | gauges | `handler` |
/// | `llm_callbacks_dropped_tokens_total` | counter | `handler` |
///
/// Faults are counted as they happen. The other metrics are recorded by [`sample`](Self::sample): call it before each
/// scrape.
///
/// ```
/// use tower_llm_callbacks::{Callbacks, handlers::HandlerMetrics};
///
/// # let callbacks = Callbacks::new();
/// let (callbacks, metrics) = HandlerMetrics::observe(callbacks);
/// // … and before each scrape:
/// metrics.sample();
/// ```
#[derive(Debug, Clone)]
pub struct HandlerMetrics(Callbacks);

impl HandlerMetrics {
    /// Returns the set with a hook that counts the faults of its handlers, and their metrics.
    pub fn observe(callbacks: Callbacks) -> (Callbacks, Self) {
        describe();
        let callbacks = callbacks.on_fault(|fault| {
            let kind = match fault.kind {
                FaultKind::Panicked => "panicked",
                FaultKind::Failed => "failed",
                FaultKind::DeadlineExceeded => "deadline_exceeded",
                FaultKind::NoRuntime => "no_runtime",
                FaultKind::RuntimeShutDown => "runtime_shut_down",
                FaultKind::TooManyRuns => "too_many_runs",
            };
            let event = fault.event.map_or("", EventKind::as_str);
            let handler = fault.handler.to_string();
            counter!(FAULTS, "handler" => handler, "kind" => kind, "event" => event).increment(1);
        });
        (callbacks.clone(), Self(callbacks))
    }

    /// Records the current [`Callbacks::stats`].
    pub fn sample(&self) {
        for stats in self.0.stats() {
            let handler = stats.handler.to_string();
            gauge!(EVENTS, "handler" => handler.clone()).set(stats.undelivered_events as f64);
            gauge!(RUNS, "handler" => handler.clone()).set(stats.undelivered_runs as f64);
            counter!(DROPPED, "handler" => handler).absolute(stats.dropped_tokens);
        }
    }
}
