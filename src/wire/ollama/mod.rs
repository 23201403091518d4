//! Ollama's own API, after "API" in Ollama's documentation.
//!
//! [`OllamaDecoder`] reads answers, streamed and whole; [`OllamaChat`] and [`OllamaGenerate`] are the
//! formats as a whole.

mod chat;
mod compact;
mod decoder;
mod event;
mod format;
mod generate;
mod prompt;
mod protocol;

pub use chat::OllamaChat;
pub use decoder::OllamaDecoder;
pub use generate::OllamaGenerate;
