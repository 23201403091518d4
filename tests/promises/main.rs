//! Tests of the crate's promises, by number, on both kinds of runtime. Promise 10 (nothing leaks) is tested
//! in `state_is_freed` and `tests/secrets`, promises 11 and 12 beside the features that they concern.

mod batches;
mod bounded;
mod call_is_untouched;
mod clean_up;
mod context_follows;
mod drop_is_safe;
mod emit;
mod emit_races;
mod ends;
mod flush_in_handlers;
mod handlers_cannot_break_it;
mod lingering;
mod lockstep;
mod one_terminal;
mod order;
mod own_code;
mod own_threads;
mod paused_clock;
mod pay_for_what_is_used;
mod random_schedules;
mod random_trees;
mod state_is_freed;
mod suspension;
mod three_phases;
