//! APIs that complete a text, each with names of its own: Anthropic's legacy `complete`, llama.cpp's `completion` and
//! `infill`, Hugging Face's Text Generation Inference, IBM watsonx.ai's text generation.
//!
//! [`TextGenerationDecoder`] decodes the answers of all of them, streamed or not; the formats have the name of their API.

mod answer;
mod decoder;
mod format;
mod llama_cpp;
mod piece;
mod protocol;
mod tgi;
mod watsonx;

pub use decoder::TextGenerationDecoder;
pub use format::AnthropicComplete;
pub use llama_cpp::LlamaCppCompletion;
pub use tgi::TgiGenerate;
pub use watsonx::WatsonxGeneration;
