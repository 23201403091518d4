//! Anthropic's Messages API, after "Streaming messages" and "Errors" in Anthropic's documentation.
//!
//! [`AnthropicDecoder`] reads answers, streamed and whole; [`AnthropicMessages`] is the format as a
//! whole.

mod answer;
mod decoder;
mod event;
mod format;
mod protocol;
mod usage;

pub use decoder::AnthropicDecoder;
pub use format::AnthropicMessages;
