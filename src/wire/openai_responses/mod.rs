//! OpenAI's Responses API, after "Responses" and "Streaming events" in OpenAI's API reference. Other vendors and
//! gateways serve it too.
//!
//! [`OpenAiResponsesDecoder`] decodes streamed and non-streamed answers; [`OpenAiResponses`] is the format.

mod answer;
mod decoder;
mod event;
mod format;
mod input;
mod items;
mod native;
mod protocol;
mod tool;
mod uses;
mod whole_item;

pub use decoder::OpenAiResponsesDecoder;
pub use format::OpenAiResponses;
