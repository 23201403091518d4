//! Reading an answer to its end although its consumer has gone, to know what it used.
//!
//! A dropped call drops the call below it, at once: that is what saves money, and the crate's default. But providers report
//! the usage at the end of an answer, and may bill a call that was cancelled in full. The layers of this module choose the
//! other way for the calls below them. When the response, or the call, is dropped before its end, they hand it to a task,
//! which reads it to its end and throws the items away. [`DrainLayer`] is for services whose response has an HTTP body,
//! [`StreamDrainLayer`] for those whose response is a stream. Both go **outside** of a
//! [`HttpCallbackLayer`](crate::HttpCallbackLayer) or a [`CallbackLayer`](crate::CallbackLayer), and work without one.
//!
//! # Limits
//!
//! A drain is limited in time (30 seconds) and size (64 MiB, or a million items), and all drains of a layer in number
//! (100). At a limit the answer is dropped after all. If there are as many drains as there may be, or the runtime that the
//! call was made in has shut down, a dropped call drops the call below it as it does without the layer. A drain occupies
//! what its call occupies below the layer: a connection, a place in a concurrency limit.
//!
//! # What is reported
//!
//! The run of a drained call goes on: its handlers receive the rest of the tokens. It ends once, when the answer has, with
//! the whole answer and its usage, in an error of kind [`Cancelled`](crate::ErrorKind::Cancelled), since nobody got the
//! answer. The duration is that of the answer.
//!
//! - An answer that was finished when it was dropped (the end mark or every finish reason had come) has completed, as
//!   without the layer. What follows, such as the usage, is still read.
//! - An error that the provider reports later is reported as such, as is an abort ([`Run::abort`](crate::Run::abort) ends
//!   the drain) or a panic. An answer that just breaks off is cancelled.
//! - At a limit, the run is cancelled with what was read.
//! - The same holds for a call whose response had not begun: its future is polled on, and then the response is read. What is
//!   below the layer goes on as if the client were there, so that a retry is made. A future that was never polled, and a call
//!   that still waits for its request or for handlers, is dropped: nothing was asked of the service.
//! - A chain, tool or retriever below the layer is cancelled too. The runs that it makes end as they do for it: it is their
//!   consumer, and still there. Runs inside a model call are the same call on another level, and are cancelled with it.

mod body;
mod draining;
mod drains;
mod future;
mod layer;
mod leaving;
mod length;
mod service;
mod stats;
mod stream;
mod unread;

pub use self::{
    body::DrainBody,
    future::{DrainFuture, StreamDrainFuture},
    layer::{DrainLayer, StreamDrainLayer},
    service::{Drain, StreamDrain},
    stats::DrainStats,
    stream::DrainStream,
};
