//! Utilities for testing handlers, layers and stacks of layers: a scripted model, a handler that records events, and a
//! checker of the crate's guarantees.
//!
//! ```
//! use tower::{Layer, Service, ServiceExt};
//! use tower_llm_callbacks::{CallbackLayer, Callbacks, EventKind, chat::{self, ChatRequest}, testing::{Recorder, Script, ScriptedModel, assert_promises}};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower::BoxError> {
//! let recorder = Recorder::new();
//! let model = ScriptedModel::new(Script::answer(["Hel", "lo"]));
//! let mut model = CallbackLayer::new(Callbacks::new().inline(recorder.clone())).layer(model);
//!
//! let answer = model.ready().await?.call(ChatRequest::new("any").user("Hi")).await?;
//! assert_eq!(chat::collect(answer).await?.text(), "Hello");
//!
//! assert_promises(&recorder.events());
//! assert_eq!(recorder.kinds().last(), Some(&EventKind::LlmEnd));
//! # Ok(()) }
//! ```

mod check;
mod encoder;
mod http;
mod model;
mod recorded;
mod recorder;
mod replay;
mod script;
mod snapshot;
mod stream;
mod violation;

pub use self::{
    check::{Checker, assert_promises},
    http::{ScriptedBody, ScriptedHttp},
    model::ScriptedModel,
    recorded::Recorded,
    recorder::Recorder,
    replay::{Replayed, replay},
    script::{Script, ScriptedFailure, Step},
    stream::ScriptedStream,
    violation::Violation,
};
