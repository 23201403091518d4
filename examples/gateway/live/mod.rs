//! A page that shows runs as they stream, served at the address of `--admin`.
//!
//! A handler keeps the latest runs in bounded memory. There are no queues for browsers: each [feed](feed) knows the last
//! change that it sent and, whenever the connection is ready, sends what has changed since. Thus many tokens become one
//! update, and a browser that does not read costs nothing.

mod abort;
mod content;
mod entry;
mod feed;
mod handler;
mod overview;
mod page;
mod replay;
mod row;
mod runs;
mod text;

pub(crate) use self::{handler::LivePage, replay::history_of};

/// The number of runs to keep.
const RUNS: usize = 500;

/// The maximum number of connected browsers. Further ones receive status 503.
const BROWSERS: usize = 32;

/// The number of bytes to keep of a run's prompt, and of its answer.
const CONTENT: usize = 64 << 10;

/// The number of parts to keep of a prompt or an answer: messages, choices, tool calls.
const PARTS: usize = 256;

/// The number of bytes to keep of parameters, metadata and error messages.
const DETAIL: usize = 4 << 10;

/// The number of bytes to keep of names, models and ids.
const NAME: usize = 200;
