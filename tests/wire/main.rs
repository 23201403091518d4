//! The decoders of the wire formats, on the tests' own transcripts and on random bytes.

mod anthropic;
mod any_bytes;
mod gemini;
mod ndjson;
mod ollama;
mod openai_chat;
mod openai_responses;
mod sse;
