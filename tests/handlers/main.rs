//! The handlers that come with the crate, and what users implement to write their own.

mod closures;
mod console;
mod event_records;
mod event_stream;
mod jsonl;
mod metrics;
mod run_trees;
mod tracing;
