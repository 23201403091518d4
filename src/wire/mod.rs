//! Wire formats, sans-IO: push bytes in, get deltas out.
//!
//! A [`Decoder`] decodes the body of a model's answer while the consumer reads the same bytes. It accepts the
//! bytes in chunks of any size and never fails or panics: invalid data is skipped and reported as
//! [`Delta::DecodeFault`](crate::Delta::DecodeFault). Its memory is bounded.
//!
//! ```
//! use tower_llm_callbacks::{Delta, wire::{Decoder, anthropic::AnthropicDecoder}};
//!
//! let body = br#"event: content_block_delta
//! data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}
//!
//! data: {"type":"message_stop"}
//!
//! "#;
//! let mut decoder = AnthropicDecoder::new();
//! let mut deltas = Vec::new();
//! for piece in body.chunks(7) {
//!     decoder.push(piece, &mut |delta| deltas.push(delta.into_owned()));
//! }
//! assert_eq!(deltas, [Delta::text("Hello"), Delta::Done]);
//! ```

pub mod anthropic;
mod arguments;
mod array;
mod body_decoder;
mod decoder;
mod error;
mod error_body;
mod error_text;
mod format;
mod framed;
pub mod gemini;
mod http_request;
mod http_response;
mod json;
mod native;
mod ndjson;
pub mod ollama;
mod openai;
pub mod openai_chat;
pub mod openai_responses;
mod path;
mod protocol;
mod provider;
mod reading;
mod request;
pub(crate) mod retry_after;
mod shape;
mod sse;
mod usage;
mod whole_body;

pub(crate) use self::{path::normal, provider::of_host};
pub use decoder::Decoder;
pub use format::{Format, Match};
pub use http_request::LlmHttpRequest;
pub use http_response::LlmHttpResponse;
pub(crate) use http_response::{ContentCoding, content_codings, content_type};
pub use ndjson::NdjsonDecoder;
pub use sse::{SseDecoder, SseEvent};
