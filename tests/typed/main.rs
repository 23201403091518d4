//! The typed layer: what it can be composed with, and what it offers besides the events of a call.

mod batch;
mod chat;
mod end_mark;
mod event_mask;
mod guards;
mod propagation;
mod races;
mod relay;
mod retries;
mod runnables;
mod tower_stack;
mod tower_stack_retry;
