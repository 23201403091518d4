//! OpenAI's Chat Completions and legacy Completions, after "Streaming" and "Error codes" in OpenAI's
//! documentation, with the dialects of compatible servers: Azure, OpenRouter, Groq, Mistral, DeepSeek, xAI,
//! Perplexity, vLLM, llama.cpp …
//!
//! [`OpenAiChatDecoder`] decodes streamed and non-streamed answers of both; [`OpenAiChat`] and
//! [`OpenAiCompletions`] are the formats.

mod answer;
mod choice;
mod chunk;
mod decoder;
mod format;
mod inline_vec1;
mod job;
mod llama;
mod native;
mod protocol;
mod tool_name;
mod tools;
mod word_hash;

pub use decoder::OpenAiChatDecoder;
pub use format::{OpenAiChat, OpenAiCompletions};
pub(super) use protocol::OpenAi;
