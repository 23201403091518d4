//! Helpers shared by the tests: every delivery mode, on every kind of runtime.

#![cfg(feature = "full")]
#![allow(clippy::new_without_default, reason = "nothing here is generic over `Default`")]

pub mod frames;
pub mod http;
pub mod log;
pub mod otel;
pub mod recordings;
pub mod schedule;
pub mod wire;

mod calls;
mod estimates;
mod mode;
mod recorders;
mod runtimes;

use std::time::Duration;

/// For the programs of `tests/messages`, which are compiled with this library alone.
pub use {::http as http_types, bytes, futures, http_body_util, tower, tower_llm_callbacks};

pub use self::{
    calls::{Gate, call, panic_of, quiet_panics, read, request, runs, until, until_blocking},
    estimates::pieces,
    mode::{MODES, Mode},
    recorders::{Answer, Faults, Model, Recorders, assert_same_answer, only_terminal},
    runtimes::{FLAVORS, Flavor, everywhere, in_each_mode, on_each_runtime},
};

/// A test that takes longer counts as hung.
pub const PATIENCE: Duration = Duration::from_secs(20);
