//! Server-sent events, after the WHATWG HTML standard, section 9.2.

mod decoder;
mod event;
mod event_builder;
mod texts;

pub use decoder::SseDecoder;
pub use event::SseEvent;
