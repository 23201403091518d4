//! The handlers that the crate ships, and the traits and closures for users' own.

mod closures;
mod console;
mod event_records;
mod event_stream;
mod jsonl;
mod metrics;
mod run_trees;
mod tracing;
