//! The handlers that the crate ships, and the traits and closures for users' own.

mod adapt;
mod budget;
mod closures;
mod console;
mod event_records;
mod event_stream;
mod jsonl;
mod metrics;
mod prices;
mod reload;
mod run_trees;
mod usage;
