//! Server-sent events, after the WHATWG HTML standard, section 9.2.

mod block;
mod decoder;
mod event;

pub use decoder::SseDecoder;
pub(in crate::wire) use event::Piece;
pub use event::SseEvent;
