//! Ollama's own API, after "API" in Ollama's documentation.
//!
//! [`OllamaDecoder`] decodes streamed and non-streamed answers; [`OllamaChat`] and [`OllamaGenerate`] are the
//! formats.

mod decoder;
mod event;
mod format;
mod native;
mod protocol;

pub use decoder::OllamaDecoder;
pub use format::{OllamaChat, OllamaGenerate};
