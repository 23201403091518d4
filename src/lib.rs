//! LangChain's callbacks as [Tower](tower) middleware.
//!
//! A layer wraps an LLM service whose response is a stream, and emits events to a set of handlers: the **start** of each
//! call, each **token**, and exactly one **end** or **error**, however the call ended. Items pass to the consumer
//! unchanged.
//!
//! ```
//! use futures::stream;
//! use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
//! use tower_llm_callbacks::{
//!     CallbackHandler, CallbackLayer, Callbacks, LlmResult, Run, RunError, Token,
//!     chat::{self, ChatChunk, ChatRequest},
//! };
//!
//! struct Print;
//!
//! impl CallbackHandler for Print {
//!     fn on_llm_new_token(&self, _run: &Run, token: &Token) {
//!         println!("{:?}", token.text());
//!     }
//!     fn on_llm_end(&self, run: &Run, result: &LlmResult) {
//!         println!("{} completed after {:?}", run.name(), result.duration);
//!     }
//!     fn on_llm_error(&self, run: &Run, error: &RunError) {
//!         println!("{} failed: {error}", run.name());
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! // Any service whose response is a stream of chunks.
//! let model = service_fn(|_request: ChatRequest| async {
//!     let chunks = [ChatChunk::text("Hel"), ChatChunk::text("lo"), ChatChunk::Done];
//!     Ok::<_, BoxError>(stream::iter(chunks.map(Ok::<_, BoxError>)))
//! });
//!
//! let callbacks = Callbacks::new().blocking(Print);
//! let mut model = CallbackLayer::new(callbacks).name("greeter").layer(model);
//!
//! let answer = model.ready().await?.call(ChatRequest::new("any").user("Hi")).await?;
//! assert_eq!(chat::collect(answer).await?.text(), "Hello");
//! # Ok(())
//! # }
//! ```
//!
//! # Layers
//!
//! - [`CallbackLayer`] observes typed calls. Requests and chunks implement [`LlmRequest`] and [`LlmChunk`], or are read by
//!   [closures](CallbackLayer::extract). [`model`] has services for Anthropic and OpenAI, which speak the types of [`chat`].
//! - [`HttpCallbackLayer`] observes calls over HTTP, in a gateway or below a client, and decodes their
//!   [wire formats](wire).
//! - [`RunLayer`] makes runs of chains, tools and retrievers: any service, or any future.
//! - [`AttemptsLayer`] numbers the attempts of a retried call, and [`RunConfigLayer`] binds a configuration to a service.
//!   [`batch::Batch`] calls a model with several prompts.
//! - [`timeout`] limits the time to the first item of an answer, and the pauses in it.
//! - [`drain`] reads answers to their end although their consumer has gone, for their usage.
//!
//! # Handlers
//!
//! A handler implements [`CallbackHandler`], whose methods may block, or [`AsyncCallbackHandler`]; or it is a closure, such
//! as [`on_llm_end`] or [`on_event`]. [`Callbacks`] is a set of handlers, each with its [`Delivery`], which a
//! [`Registration`] sets. An [`EventMask`] limits the events that a handler receives. A handler that panics, returns an
//! error or exceeds its deadline is detached from that run, which is reported as a [`Fault`]: the call continues.
//!
//! [`handlers`] has ready-made ones, such as [`JsonLines`](handlers::JsonLines),
//! [`EventStream`](handlers::EventStream) and [`RunTrees`](handlers::RunTrees). [`relay`] delivers the records of events
//! ([`Event::record`]) to handlers in another process.
//!
//! # Runs
//!
//! Every event comes with its [`Run`]. Wrapped calls made inside a run are its children, and inherit its callbacks; in
//! spawned tasks and threads they do with [`InCurrentRun`]. A [`RunConfig`] attaches callbacks, tags and metadata at
//! request time. [`Run::abort`] ends a call, and [`Run::emit`] emits a custom event.
//!
//! # Features
//!
//! No feature is enabled by default.
//!
//! | feature | adds |
//! |---|---|
//! | `client` | `model::client()`, a ready HTTP client with TLS for the typed models |
//! | `reqwest` | `model::ReqwestService`: a `reqwest::Client` as the HTTP service of models and layers |
//! | `reqwest-middleware` | `model::CallbackMiddleware`, for clients that are made of the crate reqwest-middleware |
//! | `retry` | module `retry`: policies for `tower::retry` |
//! | `testing` | module `testing`: a scripted model, a recorder, and a checker of events |
//! | `console` | `ConsoleLog`, `ConsoleTokens`, `PrintTrees` |
//! | `metrics` | `LlmMetrics`, `HandlerMetrics`, `TimedHandler` |
//! | `tracing-spans` | `TracingSpans`, and [`tracing`] spans of runs |
//! | `usage` | `UsageTotals`, `BudgetGuard`, `SharedBudgetGuard`, `PriceTable`, `Prices` |
//! | `prices` | `Prices::bundled`: the prices of all usual providers |
//! | `tokenizer` | `TokenizerEstimator`: estimates by tokenizers of OpenAI, Qwen and Mistral |
//! | `otel` | `OtelSpans`, `OtelMetrics` |
//! | `nats` | module `nats`: event records through NATS JetStream |
//! | `decompression-full` | compressed answers for the HTTP layer; or singly `decompression-gzip`, `-deflate`, `-br`, `-zstd` |
//!
//! # Guides
//!
//! - [`guide::handlers`]: which ready-made handler to choose, and what each costs
//! - [`guide::gateway`]: a gateway with tenants, budgets, masks and audit files in an afternoon
//! - [`guide::propagation`]: where the current run follows a call, and where it has to be carried
//! - [`guide::debugging`]: what to check if a handler is not called
//! - [`guide::langchain`]: LangChain's callbacks, options and idioms in this crate
//! - [`guide::testing`]: how to test a handler, a layer, a gateway

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod batch;
pub mod bounds;
pub mod callbacks;
pub mod chat;
pub mod drain;
pub mod estimate;
pub mod event;
pub mod extract;
pub mod guide;
pub mod handler;
pub mod handlers;
pub mod http_layer;
pub mod layer;
pub mod model;
#[cfg(feature = "nats")]
#[cfg_attr(docsrs, doc(cfg(feature = "nats")))]
pub mod nats;
pub mod relay;
#[cfg(feature = "retry")]
#[cfg_attr(docsrs, doc(cfg(feature = "retry")))]
pub mod retry;
pub mod run;
pub mod runnable;
pub mod scope;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
pub mod timeout;
pub mod wire;

mod accessors;
mod delivery;
mod disposed;
mod lifecycle;
mod panics;
mod paused_clock;
mod percent;
mod redact;
mod sync;

pub use self::{
    callbacks::{Callbacks, Delivery, Fault, FaultKind, Registration},
    event::{
        ContentCapture, Delta, ErrorKind, Event, EventData, EventKind, LlmResult, LlmStart, Prompt,
        ProviderError, RunError, RunInput, RunOutput, Token, TokenKind, ToolCall, Usage,
    },
    extract::{LlmChunk, LlmRequest},
    handler::{
        AsyncCallbackHandler, CallbackHandler, EventMask, HandlerExt, on_event, on_event_async,
        on_llm_end, on_llm_error, on_llm_new_token, on_llm_result, on_llm_start,
    },
    http_layer::HttpCallbackLayer,
    layer::CallbackLayer,
    run::{Abort, Aborted, InCurrentRun, Run, RunType, emit},
    runnable::RunLayer,
    scope::{AttemptsLayer, RunConfig, RunConfigLayer},
};

/// Tests the code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
