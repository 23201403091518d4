//! Ready-made handlers.

mod event_stream;
mod jsonl;
mod run_tree;

pub use self::{
    event_stream::{DrivenEvents, EventStream, EventStreamBuilder, StreamEvent},
    jsonl::JsonLines,
    run_tree::{RunTree, RunTrees, TreeEvent},
};
