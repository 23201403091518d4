//! How the layer reads requests and chunks that are anyone's.

mod chunk;
mod extractor;
mod request;

pub use self::{
    chunk::LlmChunk,
    extractor::{ExtractChunk, ExtractRequest, FnExtractor, TraitExtractor},
    request::LlmRequest,
};
