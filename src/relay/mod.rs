//! Delivers event records of runs in other processes to local handlers.

#[expect(clippy::module_inception, reason = "the folder is about relaying, the file about `Relay`")]
mod relay;
mod remote;

pub use self::relay::{Relay, Relayed};
