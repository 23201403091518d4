//! Traits by which the layer reads the requests and chunks of a service.

mod chunk;
mod extractor;
mod read;
mod request;

pub(crate) use self::read::read;
pub use self::{
    chunk::LlmChunk,
    extractor::{ExtractChunk, ExtractRequest, FnExtractor, TraitExtractor},
    request::LlmRequest,
};
