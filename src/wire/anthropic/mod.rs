//! Anthropic's Messages API, after "Streaming messages" and "Errors" in Anthropic's documentation.
//!
//! [`AnthropicDecoder`] decodes streamed and non-streamed answers; [`AnthropicMessages`] is the format.

mod answer;
mod decoder;
mod event;
mod format;
mod native;
mod protocol;

pub use decoder::AnthropicDecoder;
pub use format::AnthropicMessages;
pub(super) use protocol::Anthropic;
