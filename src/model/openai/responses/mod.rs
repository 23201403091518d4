//! Requests to the Responses API.

mod body;
mod item;
mod part;
mod tool;

pub(super) use body::body;
