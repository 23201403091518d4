//! Traits by which the layer reads the requests and chunks of a service.

mod chunk;
mod extractor;
mod request;

pub use self::{
    chunk::LlmChunk,
    extractor::{ExtractChunk, ExtractRequest, FnExtractor, TraitExtractor},
    request::LlmRequest,
};
