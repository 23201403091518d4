//! Runs and handlers as metrics of the `metrics` facade.

mod describe;
mod handler;
mod live;
mod sets;
mod timed;

pub use self::{handler::LlmMetrics, sets::HandlerMetrics, timed::TimedHandler};
