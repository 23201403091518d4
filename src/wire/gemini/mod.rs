//! Google's Gemini API, on Google AI and on Vertex AI, after "generateContent" and
//! "streamGenerateContent" in Google's documentation.
//!
//! [`GeminiDecoder`] decodes streamed and non-streamed answers; [`Gemini`] is the format.

mod answer;
mod arguments;
mod call;
mod chunk;
mod decoder;
mod format;
mod json_path;
mod native;
mod protocol;
mod word;

pub use decoder::GeminiDecoder;
pub use format::Gemini;
