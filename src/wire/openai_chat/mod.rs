//! OpenAI's Chat Completions and legacy Completions, after "Streaming" and "Error codes" in OpenAI's
//! documentation, with the dialects of those who speak them too: Azure, OpenRouter, Groq, Mistral,
//! DeepSeek, xAI, Perplexity, vLLM, llama.cpp …
//!
//! [`OpenAiChatDecoder`] reads the answers of both, streamed and whole; [`OpenAiChat`] and
//! [`OpenAiCompletions`] are the formats as a whole.

mod answer;
mod arguments;
mod choice;
mod chunk;
mod content;
mod decoder;
mod few;
mod format;
mod mark;
mod protocol;
mod tools;
mod usage;

pub use decoder::OpenAiChatDecoder;
pub use format::{OpenAiChat, OpenAiCompletions};
