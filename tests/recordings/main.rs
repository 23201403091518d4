//! Recordings of real providers, kept beside the repository, through every decoder.

mod anthropic;
mod gemini;
mod http;
mod ollama;
mod openai_chat;
mod openai_responses;
