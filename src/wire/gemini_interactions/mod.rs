//! Gemini's Interactions API, after the events and types of Google's GenAI SDK.
//!
//! [`InteractionsDecoder`] decodes streamed and non-streamed answers; [`GeminiInteractions`] is the format.

mod answer;
mod decoder;
mod event;
mod format;
mod protocol;

pub use decoder::InteractionsDecoder;
pub use format::GeminiInteractions;
