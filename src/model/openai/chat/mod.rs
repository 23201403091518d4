//! Requests to Chat Completions.

mod body;
mod message;
mod part;
mod tool;

pub(super) use body::body;
