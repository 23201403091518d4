//! What a token and a run in flight allocate. The counter is the allocator of the whole process.

mod deep_and_wide;
mod http;
mod typed;
