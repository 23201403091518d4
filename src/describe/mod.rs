//! How the layer reads requests and chunks that are anyone's.

mod chunk;
#[expect(clippy::module_inception, reason = "the folder is about describing")]
mod describe;
mod request;

pub use self::{
    chunk::LlmChunk,
    describe::{DescribeChunk, DescribeRequest, Described, Native},
    request::LlmRequest,
};
