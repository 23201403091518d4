//! The operations that generate no text, or none but a transcript: embeddings, ranking, pictures, speech, moderation.
//!
//! A format for each API. They have one decoder, which counts outputs, and the dimensions of vectors, as the bytes pass:
//! vectors, pictures and sound are neither decoded nor kept. Requests that only count tokens, and batches of requests,
//! are no operations of a model, and no format matches them.
//!
//! ```
//! use http::{HeaderMap, StatusCode};
//! use tower_llm_callbacks::{Delta, wire::{Format, LlmHttpResponse, operations::Embeddings}};
//!
//! let headers = HeaderMap::new();
//! let mut decoder = Embeddings.decoder(&LlmHttpResponse::new(StatusCode::OK, &headers));
//! let body = br#"{"data":[{"index":0,"embedding":[0.1,0.2,0.3]}],"model":"m"}"#;
//! let mut deltas = Vec::new();
//! decoder.push(body, &mut |delta| deltas.push(delta.into_owned()));
//! decoder.finish(&mut |delta| deltas.push(delta.into_owned()));
//! assert!(deltas.contains(&Delta::Outputs { count: 1, dimensions: Some(3) }));
//! ```

mod answer;
mod cohere;
mod decoder;
pub(in crate::wire) mod element;
mod embeddings;
mod google;
mod images;
pub(in crate::wire) mod inputs;
mod known;
mod moderations;
mod multipart;
mod ollama;
mod part;
pub(in crate::wire) mod protocol;
mod rerank;
mod skim;
mod speech;
mod transcript;
mod transcriptions;

pub use cohere::CohereEmbed;
pub use embeddings::Embeddings;
pub use google::{GoogleEmbeddings, Imagen};
pub use images::Images;
pub(crate) use known::all;
pub use moderations::Moderations;
pub use ollama::OllamaEmbed;
pub use rerank::Rerank;
pub use speech::Speech;
pub use transcriptions::Transcriptions;
