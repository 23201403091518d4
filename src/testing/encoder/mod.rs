//! Writes the chunks of a script in the wire format of an API.

mod api;
mod chat;
#[expect(clippy::module_inception, reason = "the folder has the APIs, the file what they share")]
mod encoder;
mod gemini;
mod messages;
mod ollama;
mod responses;

pub(super) use self::encoder::Encoder;
