//! The layer for LLM calls over HTTP.
//!
//! [`HttpCallbackLayer`] is where to begin; the types here are those of its service.

// The way of a call: a `Capture` takes the request's body, so that the start can be told; it goes on as a
// `RequestBody`. What comes back is wrapped in a `ResponseBody`, which hands each frame on and gives a copy
// to a `Reader`: that inflates it, decodes it, and tells the run's emitter.

mod call;
mod capture;
#[cfg(any(
    feature = "decompression-br",
    feature = "decompression-deflate",
    feature = "decompression-gzip",
    feature = "decompression-zstd",
))]
mod coding;
#[cfg(not(any(
    feature = "decompression-br",
    feature = "decompression-deflate",
    feature = "decompression-gzip",
    feature = "decompression-zstd",
)))]
#[path = "no_coding.rs"]
mod coding;
mod future;
mod inflate;
mod layer;
mod propagation;
mod reader;
mod request_body;
mod response_body;
mod routes;
mod service;
mod start;
mod trace;
mod transport_failure;

pub use self::{
    future::ResponseFuture, propagation::TracePropagation, request_body::RequestBody,
    response_body::ResponseBody, service::HttpCallbackService, transport_failure::TransportFailure,
};
use coding::Coding;
pub use layer::HttpCallbackLayer;
