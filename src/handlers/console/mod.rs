//! Handlers that write readable text, for example to a terminal.

mod clean;
mod log;
mod style;
mod target;
mod tokens;
mod trees;

pub use self::{log::ConsoleLog, target::ConsoleTarget, tokens::ConsoleTokens, trees::PrintTrees};
