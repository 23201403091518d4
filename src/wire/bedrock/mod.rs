//! Amazon Bedrock's runtime, after its API reference.
//!
//! [`BedrockConverse`] and [`BedrockInvoke`] are the formats, [`ConverseDecoder`] and [`InvokeDecoder`] decode their answers.
//! OpenAI's and Anthropic's interfaces on Bedrock are those of the other modules.

mod converse;
mod error;
mod format;
mod invoke;
mod invoke_request;
mod target;

pub use converse::ConverseDecoder;
pub use format::{BedrockConverse, BedrockInvoke};
pub use invoke::InvokeDecoder;
