//! Policies for `tower::retry`, for typed models and for HTTP.
//!
//! ```
//! use tower::{Layer, Service, ServiceBuilder, ServiceExt};
//! use tower_llm_callbacks::{CallbackLayer, Callbacks, chat::ChatRequest, retry::RetryPolicy};
//! # use tower_llm_callbacks::{Delta, ProviderError, chat::{ChatStream, ModelError}};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower::BoxError> {
//! # let mut calls = 0;
//! # let (tx, rx) = std::sync::mpsc::channel::<u32>();
//! # let model = tower::service_fn(move |_: ChatRequest| {
//! #     let tx = tx.clone();
//! #     async move {
//! #         tx.send(1).unwrap();
//! #         Ok::<_, ModelError>(ChatStream::new(futures::stream::iter([Ok(Delta::text("Hi")), Ok(Delta::Done)])))
//! #     }
//! # });
//! // Each attempt is a run, and those after the first have a `retry` event.
//! let mut model = ServiceBuilder::new()
//!     .layer(RetryPolicy::new().attempts(4).layer())
//!     .layer(CallbackLayer::new(Callbacks::new()))
//!     .service(model);
//! let answer = model.ready().await?.call(ChatRequest::new("any").user("Hi")).await?;
//! # drop(answer); calls += rx.try_iter().count(); assert_eq!(calls, 1);
//! # Ok(()) }
//! ```

mod http;
mod policy;

pub use self::{http::HttpRetryPolicy, policy::RetryPolicy};
