//! Batches of calls: one run per prompt under one parent, and results in the order of the prompts.

#[expect(clippy::module_inception, reason = "the folder is about batches, the file about `Batch`")]
mod batch;
mod error;
mod one;
mod result;

pub use self::{
    batch::Batch,
    error::BatchError,
    result::{BatchResult, BatchSummary},
};
