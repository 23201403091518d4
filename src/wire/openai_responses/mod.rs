//! OpenAI's Responses API, after "Responses" and "Streaming events" in OpenAI's API reference, as other
//! vendors and gateways serve it too.
//!
//! [`OpenAiResponsesDecoder`] reads answers, streamed and whole; [`OpenAiResponses`] is the format as a
//! whole.

mod answer;
mod decoder;
mod event;
mod format;
mod items;
mod protocol;
mod usage;
mod whole;

pub use decoder::OpenAiResponsesDecoder;
pub use format::OpenAiResponses;
