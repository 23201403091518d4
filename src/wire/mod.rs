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
pub(crate) mod base64;
pub mod bedrock;
mod block_calls;
mod body_decoder;
mod call;
pub mod cohere;
pub mod dashscope;
mod decoder;
mod error;
mod error_body;
mod error_text;
mod event_stream;
mod fingerprint;
mod format;
mod framed;
mod function;
pub mod gemini;
pub mod gemini_interactions;
mod growing;
mod halves;
mod http_request;
mod http_response;
mod json;
mod json_text;
pub mod mcp;
mod message_content;
pub mod mistral;
mod native;
mod ndjson;
pub mod ollama;
mod openai;
pub mod openai_chat;
pub mod openai_responses;
pub mod operations;
mod outputs;
mod path;
mod protocol;
mod provider;
mod reading;
mod request;
pub(crate) mod retry_after;
mod running_usage;
mod shape;
mod sse;
pub mod text_generation;
mod tool_calls;
mod usage;
mod vertex;
mod whole_body;

#[cfg(feature = "prices")]
pub(crate) use self::usage::read as read_usage;
pub(crate) use self::{path::normal, provider::of_host};
pub use call::Call;
pub use decoder::Decoder;
pub use event_stream::{
    EventStreamDecoder, EventStreamFault, EventStreamFrame, EventStreamHeaders, EventStreamValue,
};
pub use format::Format;
pub use http_request::LlmHttpRequest;
pub use http_response::LlmHttpResponse;
pub(crate) use http_response::{ContentCoding, content_codings, content_type};
pub use ndjson::NdjsonDecoder;
pub use sse::{SseDecoder, SseEvent};
