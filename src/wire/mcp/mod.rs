//! The Model Context Protocol over streamable HTTP: its tool calls.
//!
//! Sources: the specification, revisions 2025-03-26 to 2025-11-25 ("Transports") and 2026-07-28 ("Streamable HTTP").

mod decoder;
mod format;
mod method;
mod protocol;
mod request;

pub use self::{decoder::McpDecoder, format::Mcp};
