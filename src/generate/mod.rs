//! Several prompts at once: a run for each under one parent, a result for each in its place.

mod batch;
mod error;
#[expect(clippy::module_inception, reason = "the folder is about generating, the file its builder")]
mod generate;
mod one;

pub use self::{
    batch::{LlmBatch, LlmOutput},
    error::GenerateError,
    generate::Generate,
};
