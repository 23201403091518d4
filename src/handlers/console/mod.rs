//! Handlers that write for people who look at a terminal.

mod clean;
mod log;
mod output;
mod style;
mod tokens;
mod trees;

pub use self::{log::ConsoleLog, output::ConsoleTarget, tokens::ConsoleTokens, trees::PrintTrees};
