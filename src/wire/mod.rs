//! Wire formats, sans-IO: push bytes in, get deltas out.
