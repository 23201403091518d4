//! The reader of a stream, which delivers events to handlers.

mod caught_up;
mod config;
mod consumer;
mod deliveries;
mod floor;
mod partition;
mod receive;
mod session;
mod stats;
#[expect(clippy::module_inception, reason = "the folder is about reading, the file about `Worker`")]
mod worker;

pub use self::{config::WorkerConfig, stats::WorkerStats, worker::Worker};
