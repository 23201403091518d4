//! Allocations of a token and of a run in flight. The counter is the allocator of the whole process.

mod deep_and_wide;
mod http;
mod typed;
