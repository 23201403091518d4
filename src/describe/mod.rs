//! How the layer reads requests and chunks that are anyone's.

mod chunk;
mod request;

pub use self::{chunk::LlmChunk, request::LlmRequest};
