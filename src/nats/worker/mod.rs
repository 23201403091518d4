//! The reader of a stream.

mod caught_up;
mod config;
mod consumer;
mod deliveries;
mod floor;
mod partition;
mod session;
mod stats;
mod telling;
#[expect(clippy::module_inception, reason = "the folder is about working, the file about `Worker`")]
mod worker;

pub use self::{config::WorkerConfig, stats::WorkerStats, worker::Worker};
