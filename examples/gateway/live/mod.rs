//! A page that shows runs as they stream, at `--admin`'s address.
//!
//! A handler keeps the last runs, in bounded memory. Browsers have no queues: each [feed](feed) knows up to
//! which change it has told its browser, and when that one has room for more, it is told what has changed
//! since. So many tokens become one update, and a browser that does not read costs nothing.

mod content;
mod entry;
mod feed;
mod handler;
mod host;
mod page;
mod replay;
mod row;
mod runs;
mod text;

pub(crate) use self::{handler::Live, replay::replay};

/// How many runs are kept.
const RUNS: usize = 500;

/// How many browsers may look at once; others are answered 503.
const BROWSERS: usize = 32;

/// What is kept of a run's prompt, and as much of its answer, in bytes.
const CONTENT: usize = 64 << 10;

/// In how many pieces a prompt or an answer is kept: messages, choices, tool calls.
const PARTS: usize = 256;

/// What is kept of parameters, metadata, messages of errors.
const DETAIL: usize = 4 << 10;

/// What is kept of a name, of a model, of an id.
const WORD: usize = 200;
