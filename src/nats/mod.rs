//! Event records through [NATS JetStream](https://docs.nats.io/nats-concepts/jetstream): calls are told in one
//! process, and handlers run in another, on another machine, at another time.
//!
//! ```text
//!  gateway: CallbackLayer ─▶ Publisher ─▶ stream of partitions ─▶ Worker ─▶ your handlers, as beside the call
//! ```
//!
//! A [`Publisher`] is a handler. It publishes each event's [record](crate::Event::record) and never holds up a
//! call: while the server is away, events wait in a bounded buffer; what is lost is [counted](Publisher::lost).
//! A [`Worker`] reads the stream and tells [`Callbacks`](crate::Callbacks) of it through a
//! [`Relay`](crate::relay::Relay).
//!
//! What is promised, with a server that keeps what it has acknowledged:
//!
//! - **Order**: a handler hears a run's events in their order, the start first and one terminal event last.
//! - **Nothing uncounted**: an event that the publisher took is acknowledged by the server, waits, or is in
//!   [`PublishLosses`], for as long as the process lives. (What its handler's queue drops is in
//!   [`LlmResult::dropped_tokens`](crate::LlmResult::dropped_tokens), as of any background handler.)
//! - **At least once**: a worker that is killed begins again with the start of every run that it had not told
//!   to its end. So a new worker's handlers may hear of a run that the old one's heard of; they never hear of
//!   part of one, but for what was lost before.
//!
//! A run is in one of the [partitions](StreamConfig::partitions), by its id. Each partition is read by one
//! worker: [`WorkerConfig::share`].
//!
//! ```no_run
//! use std::time::Duration;
//! use tower_llm_callbacks::{Callbacks, handlers::JsonLines, nats::{Publisher, PublisherConfig, StreamConfig, Worker, WorkerConfig}};
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let stream = StreamConfig::new("nats://127.0.0.1:4222");
//!
//! // Where the calls are:
//! let publisher = Publisher::connect(PublisherConfig::new(stream.clone())).await?;
//! let callbacks = Callbacks::new().with(publisher.handler());
//! // … and before the process ends:
//! let _ = callbacks.flush(Duration::from_secs(5)).await;
//! publisher.flush(Duration::from_secs(5)).await;
//!
//! // Where the handlers are:
//! let callbacks = Callbacks::new().blocking(JsonLines::open("events.jsonl")?);
//! let worker = Worker::connect(WorkerConfig::new(stream), callbacks).await?;
//! // …
//! worker.stop().await?;
//! # Ok(()) }
//! ```

mod error;
mod link;
mod open;
mod pause;
mod publisher;
mod stream;
mod worker;

pub use self::{
    error::Error,
    publisher::{PublishLosses, Publisher, PublisherConfig, PublisherStats},
    stream::{Discard, Storage, StreamConfig},
    worker::{Worker, WorkerConfig, WorkerStats},
};
