//! Cohere's models of embeddings.
//!
//! An [`EmbeddingLayer`](super::embeddings::EmbeddingLayer) over a [`CohereConfig`] turns an HTTP client service into a typed
//! model of them.

mod config;
mod embeddings;

pub use self::config::CohereConfig;
