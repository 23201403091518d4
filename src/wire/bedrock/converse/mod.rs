//! The answers of `Converse` and `ConverseStream`.

mod decoder;
mod event;
mod native;
mod protocol;

pub use decoder::ConverseDecoder;
pub(super) use protocol::Converse;
