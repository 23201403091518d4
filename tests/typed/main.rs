//! The typed layer: its composition with other layers, and its features besides the events of a call.

mod any_place;
mod batch;
mod chat;
mod drain;
mod end_mark;
mod error_kinds;
mod event_mask;
mod guards;
mod kit;
mod model_layer;
mod policies;
mod propagation;
mod races;
mod relay;
mod retries;
mod runnables;
mod sets;
mod snapshots;
mod spawned;
mod timeouts;
mod tower_stack;
mod tower_stack_retry;
