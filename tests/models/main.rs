//! The typed models: requests, answers, failures, and calls over real connections.

mod anthropic;
mod anthropic_end_to_end;
mod bedrock;
mod embeddings;
mod fields;
mod identity;
mod openai;
mod openai_end_to_end;
mod recordings;
mod round_trips;
