//! Cohere's chat of both versions and its legacy `generate`, after the streamed events in Cohere's API reference.
//!
//! [`CohereDecoder`] decodes streamed and non-streamed answers of all three; [`CohereChat`] and [`CohereGenerate`] are the
//! formats.

mod answer;
mod decoder;
mod event;
mod format;
mod protocol;

pub use decoder::CohereDecoder;
pub use format::{CohereChat, CohereGenerate};
