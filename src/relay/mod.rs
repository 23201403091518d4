//! The other half of a sink: event records of runs that are somewhere else, told to handlers here.

#[expect(clippy::module_inception, reason = "the folder is about relaying, the file about `Relay`")]
mod relay;
mod remote;

pub use self::relay::{Relay, Relayed};
