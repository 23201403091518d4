//! Runs and handlers as metrics of the `metrics` facade.

mod builder;
mod describe;
mod handler;
mod live;
mod sets;
mod timed;

pub use self::{
    builder::LlmMetricsBuilder, handler::LlmMetrics, sets::HandlerMetrics, timed::TimedHandler,
};
