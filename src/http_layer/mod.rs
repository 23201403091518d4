//! The layer for LLM calls over HTTP.
//!
//! [`HttpCallbackLayer`] is where to begin. The other types are those of its service.

// The way of a call: a `Capture` takes the request's body, so that the run can start, and passes it on as a
// `RequestBody`. The response is wrapped in a `ResponseBody`, which yields each frame and lets a `BodyReader` inflate and
// decode it for the run's emitter.

mod answering;
mod body_reader;
mod budget;
mod cached;
mod caller_rule;
mod caller_rules;
mod caller_source;
mod capture;
mod captured_request;
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
mod path_shape;
mod pattern;
mod propagation;
mod provider;
mod request_body;
mod response_body;
mod routes;
mod service;
mod settings;
mod stats;
mod transport_failure;
mod unobserved;
mod upload;
mod waiting;

pub(crate) use self::capture::into_bytes;
pub use self::{
    cached::Cached,
    caller_rule::{CallerRule, InvalidCallerRule},
    caller_rules::CallerRules,
    future::ResponseFuture,
    layer::HttpCallbackLayer,
    propagation::TracePropagation,
    provider::Provider,
    request_body::RequestBody,
    response_body::ResponseBody,
    service::HttpCallbackService,
    stats::{HttpStats, UnobservedRequests},
    transport_failure::TransportFailure,
    upload::UploadFailure,
};
use coding::Coding;
