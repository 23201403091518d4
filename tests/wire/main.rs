//! The decoders of the wire formats: on the tests' own transcripts, on random bytes and on recordings of real providers.

mod anthropic;
mod any_bytes;
mod bedrock;
mod endpoints;
mod event_stream;
mod field;
mod gemini;
mod generation;
mod ndjson;
mod ollama;
mod openai_chat;
mod openai_responses;
mod operations;
mod recordings;
mod shapes;
mod spellings;
mod sse;
