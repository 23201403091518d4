//! Events over [NATS JetStream](https://docs.nats.io/nats-concepts/jetstream): handlers run in another process than the
//! calls, possibly on another machine and later.
//!
//! ```text
//!  gateway: CallbackLayer ─▶ Publisher ─▶ partitioned stream ─▶ Worker ─▶ your handlers, unchanged
//! ```
//!
//! A [`Publisher`] is a handler. It publishes each event's [record](crate::Event::record) and never delays a call:
//! while the server is unavailable, events wait in a bounded buffer, and losses are [counted](Publisher::lost). A
//! [`Worker`] reads the stream and delivers the events to [`Callbacks`](crate::Callbacks) through a
//! [`Relay`](crate::relay::Relay).
//!
//! Guarantees, given a server that keeps what it has acknowledged:
//!
//! - **Order**: a handler receives a run's events in order, the start first and one terminal event last.
//! - **Losses are counted**: as long as the process lives, an event that the publisher accepted is acknowledged by the
//!   server, waiting, or counted in [`PublishLosses`]. (Tokens dropped from the handler's queue are counted in
//!   [`LlmResult::dropped_tokens`](crate::LlmResult::dropped_tokens), as for any background handler.)
//! - **At least once**: when a worker is killed, its successor starts again with every run that was not finished. After
//!   such a failover whole runs may be delivered twice, never partially (except for events already counted as lost).
//!
//! A run belongs to one of the [partitions](StreamConfig::partitions), by its id. Each partition is read by one worker:
//! see [`WorkerConfig::share`].
//!
//! With the feature `usage`, `NatsBudgets` holds the accounts of budgets that several processes share.
//!
//! ```no_run
//! use std::time::Duration;
//! use tower_llm_callbacks::{Callbacks, handlers::JsonLines, nats::{Publisher, PublisherConfig, StreamConfig, Worker, WorkerConfig}};
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let stream = StreamConfig::new("nats://127.0.0.1:4222");
//!
//! // In the process that makes the calls:
//! let publisher = Publisher::connect(PublisherConfig::new(stream.clone())).await?;
//! let callbacks = Callbacks::new().add(publisher.handler());
//! // … and before the process ends:
//! let _ = callbacks.flush(Duration::from_secs(5)).await;
//! publisher.flush(Duration::from_secs(5)).await;
//!
//! // In the process that runs the handlers:
//! let callbacks = Callbacks::new().blocking(JsonLines::open("events.jsonl")?);
//! let worker = Worker::connect(WorkerConfig::new(stream), callbacks).await?;
//! // …
//! worker.stop().await?;
//! # Ok(()) }
//! ```

mod backoff;
#[cfg(feature = "usage")]
mod budgets;
mod config;
mod error;
mod link;
mod open;
mod publisher;
mod stream;
mod worker;

#[cfg(feature = "usage")]
#[cfg_attr(docsrs, doc(cfg(feature = "usage")))]
pub use self::budgets::{Bucket, BucketConfig, NatsBudgets};
pub use self::{
    config::{NatsConfig, Storage},
    error::Error,
    publisher::{PublishLosses, Publisher, PublisherConfig, PublisherStats},
    stream::{Discard, Partitions, StreamConfig},
    worker::{Worker, WorkerConfig, WorkerStats},
};
