//! The typed models: requests, answers, failures, and calls over real connections.

mod anthropic;
mod anthropic_end_to_end;
mod fields;
mod identity;
mod openai;
mod openai_end_to_end;
mod round_trips;
