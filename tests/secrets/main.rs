//! Promise 10, nothing leaks. These tests read everything that the process logs.

mod calls;
mod http;
mod nothing_leaks;
mod otel;
