//! Promise 10, nothing leaks. These tests read everything that the process logs, so tests that
//! measure memory are in other binaries: `promises::state_is_freed` for the state of a run.

mod calls;
mod canaries;
mod http;
mod identity;
mod nothing_leaks;
mod otel;
mod quoted;
