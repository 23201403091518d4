//! Several prompts at once: a run for each under one parent, a result for each in its place.

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
