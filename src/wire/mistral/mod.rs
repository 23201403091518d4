//! Mistral's conversations, after the events in Mistral's API reference. Its other calls, of agents and of `fim` too, have the
//! shape of [chat completions](crate::wire::openai_chat::OpenAiChat).
//!
//! [`ConversationsDecoder`] decodes streamed and non-streamed answers; [`MistralConversations`] is the format.

mod decoder;
mod event;
mod format;
mod protocol;

pub use decoder::ConversationsDecoder;
pub use format::MistralConversations;
