use std::sync::Arc;

use metrics::{counter, gauge};

use super::describe::{DROPPED, EVENTS, FAULTS, RUNS, SKIPPED, SUSPENDED, describe};
use crate::{
    callbacks::{Callbacks, Fault},
    event::EventKind,
};

/// Metrics of the handlers of a set: the events that they have not handled yet, and what they lose.
///
/// | metric | type | labels |
/// |---|---|---|
/// | `llm_callbacks_faults_total` | counter | `handler`, `kind`, `event` |
/// | `llm_callbacks_undelivered_events`, `llm_callbacks_undelivered_runs` | gauges | `handler` |
/// | `llm_callbacks_suspended` | gauge, 1 or 0 | `handler` |
/// | `llm_callbacks_dropped_tokens_total`, `llm_callbacks_skipped_runs_total` | counters | `handler` |
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
        let callbacks = callbacks.on_fault_of_each(|label| {
            Arc::new(move |fault: &Fault| {
                let (handler, kind) = (label.clone(), fault.kind.as_str());
                let event = fault.event.map_or("", EventKind::as_str);
                counter!(FAULTS, "handler" => handler, "kind" => kind, "event" => event)
                    .increment(1);
            })
        });
        (callbacks.clone(), Self(callbacks))
    }

    /// Records the current [`Callbacks::stats`].
    pub fn sample(&self) {
        for (stats, handler) in self.0.stats().into_iter().zip(self.0.labels()) {
            gauge!(EVENTS, "handler" => handler.clone()).set(stats.undelivered_events as f64);
            gauge!(RUNS, "handler" => handler.clone()).set(stats.undelivered_runs as f64);
            gauge!(SUSPENDED, "handler" => handler.clone()).set(f64::from(stats.suspended));
            counter!(SKIPPED, "handler" => handler.clone()).absolute(stats.skipped_runs);
            counter!(DROPPED, "handler" => handler).absolute(stats.dropped_tokens);
        }
    }
}
