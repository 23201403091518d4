//! Deadlines for streams: how long an answer may take to begin, and how long it may pause.
//!
//! A timeout around a call does not help with streams: the call returns at once, and the answer stalls later; and the whole
//! answer may rightly take minutes. [`StreamTimeoutLayer`] is for services whose response is a stream,
//! [`BodyTimeoutLayer`] for those whose response has an HTTP body. They need no callbacks.
//!
//! **Below** a callback layer, the call ends with an error of this module, and its run in an error of kind
//! [`Transport`](crate::ErrorKind::Transport). **Above** it, the inner call is dropped, and its run is
//! [cancelled](crate::ErrorKind::Cancelled), as with any caller that gives up.

mod body;
mod error;
mod future;
mod layer;
mod limits;
mod service;
mod stream;

pub use self::{
    body::TimeoutBody,
    error::StreamTimedOut,
    future::{BodyTimeoutFuture, StreamTimeoutFuture},
    layer::{BodyTimeoutLayer, StreamTimeoutLayer},
    service::{BodyTimeout, StreamTimeout},
    stream::TimeoutStream,
};
