use std::sync::Once;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub(super) const STARTED: &str = "llm_runs_started_total";
pub(super) const ENDED: &str = "llm_runs_ended_total";
pub(super) const IN_FLIGHT: &str = "llm_runs_in_flight";
pub(super) const DURATION: &str = "llm_run_duration_seconds";
pub(super) const FIRST_TOKEN: &str = "llm_time_to_first_token_seconds";
pub(super) const GAP: &str = "llm_inter_token_seconds";
pub(super) const PIECES: &str = "llm_token_events_total";
pub(super) const TOKENS: &str = "llm_tokens_total";
pub(super) const RETRIES: &str = "llm_retries_total";
pub(super) const HANDLER_TIME: &str = "llm_callbacks_handler_seconds";
pub(super) const FAULTS: &str = "llm_callbacks_faults_total";
pub(super) const EVENTS: &str = "llm_callbacks_undelivered_events";
pub(super) const RUNS: &str = "llm_callbacks_undelivered_runs";
pub(super) const DROPPED: &str = "llm_callbacks_dropped_tokens_total";

/// Says what the metrics are, once to each recorder that is the process's.
pub(super) fn describe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        describe_counter!(STARTED, Unit::Count, "Runs that started");
        describe_counter!(ENDED, Unit::Count, "Runs that ended, by outcome");
        describe_gauge!(IN_FLIGHT, Unit::Count, "Runs that have started and not ended");
        describe_histogram!(DURATION, Unit::Seconds, "From the start of a run to its end");
        describe_histogram!(
            FIRST_TOKEN,
            Unit::Seconds,
            "From the start of a run to its first content"
        );
        describe_histogram!(GAP, Unit::Seconds, "Between two pieces of an answer");
        describe_counter!(PIECES, Unit::Count, "Pieces of answers");
        describe_counter!(TOKENS, Unit::Count, "Tokens as providers count them, by direction");
        describe_counter!(
            RETRIES,
            Unit::Count,
            "Attempts that started since the one before failed"
        );
        describe_histogram!(HANDLER_TIME, Unit::Seconds, "Time that handlers take for an event");
        describe_counter!(FAULTS, Unit::Count, "Faults of handlers");
        describe_gauge!(EVENTS, Unit::Count, "Events that handlers have not handled");
        describe_gauge!(RUNS, Unit::Count, "Runs that have such events");
        describe_counter!(DROPPED, Unit::Count, "Token events that handlers did not get");
    });
}
