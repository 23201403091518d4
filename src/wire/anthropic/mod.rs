//! Anthropic's Messages API, after "Streaming messages" and "Errors" in Anthropic's documentation.
//!
//! [`AnthropicStream`] reads a streamed answer, [`AnthropicMessage`] a whole one, and [`error()`]
//! the body of an HTTP error.

mod answer;
mod error;
mod event;
mod message;
mod reader;
mod stream;
mod usage;

pub use error::error;
pub use message::AnthropicMessage;
pub use stream::AnthropicStream;
