use std::sync::Once;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub(super) const STARTED: &str = "llm_runs_started_total";
pub(super) const ENDED: &str = "llm_runs_ended_total";
pub(super) const IN_FLIGHT: &str = "llm_runs_in_flight";
pub(super) const DURATION: &str = "llm_run_duration_seconds";
pub(super) const FIRST_TOKEN: &str = "llm_time_to_first_token_seconds";
pub(super) const INTERVAL: &str = "llm_inter_token_seconds";
pub(super) const TOKEN_EVENTS: &str = "llm_token_events_total";
pub(super) const TOKENS: &str = "llm_tokens_total";
pub(super) const COST: &str = "llm_cost_nanos_total";
pub(super) const RETRIES: &str = "llm_retries_total";
pub(super) const HANDLER_TIME: &str = "llm_callbacks_handler_seconds";
pub(super) const FAULTS: &str = "llm_callbacks_faults_total";
pub(super) const EVENTS: &str = "llm_callbacks_undelivered_events";
pub(super) const RUNS: &str = "llm_callbacks_undelivered_runs";
pub(super) const SUSPENDED: &str = "llm_callbacks_suspended";
pub(super) const SKIPPED: &str = "llm_callbacks_skipped_runs_total";
pub(super) const DROPPED: &str = "llm_callbacks_dropped_tokens_total";

/// Describes the metrics to the process's recorder, once.
pub(super) fn describe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        describe_counter!(STARTED, Unit::Count, "Runs that started");
        describe_counter!(ENDED, Unit::Count, "Runs that ended, by outcome");
        describe_gauge!(IN_FLIGHT, Unit::Count, "Runs that have started and not ended");
        describe_histogram!(DURATION, Unit::Seconds, "Time from a call to the end of its answer");
        describe_histogram!(FIRST_TOKEN, Unit::Seconds, "Time from a call to its first content");
        describe_histogram!(INTERVAL, Unit::Seconds, "Time between two token events of a run");
        describe_counter!(TOKEN_EVENTS, Unit::Count, "Token events of model calls");
        describe_counter!(
            TOKENS,
            Unit::Count,
            "Tokens, by direction and by source: reported by providers, or estimated"
        );
        describe_counter!(
            COST,
            "Cost of model calls, in billionths of the currency's unit, by whether it is exact"
        );
        describe_counter!(
            RETRIES,
            Unit::Count,
            "Attempts that started because the previous one failed"
        );
        describe_histogram!(HANDLER_TIME, Unit::Seconds, "Time that a handler takes for an event");
        describe_counter!(FAULTS, Unit::Count, "Faults of handlers");
        describe_gauge!(EVENTS, Unit::Count, "Events that a handler has not handled yet");
        describe_gauge!(RUNS, Unit::Count, "Runs with events that a handler has not handled yet");
        describe_gauge!(SUSPENDED, Unit::Count, "Whether a handler is suspended: 1 or 0");
        describe_counter!(SKIPPED, Unit::Count, "Runs without a handler that was suspended");
        describe_counter!(
            DROPPED,
            Unit::Count,
            "Token events dropped because a handler's queue was full"
        );
    });
}
