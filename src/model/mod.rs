//! Typed models: an HTTP client service becomes a service from [`ChatRequest`] to [`ChatStream`].
//!
//! | layer | of |
//! |---|---|
//! | [`AnthropicLayer`](anthropic::AnthropicLayer) | Anthropic's Messages API |
//! | [`OpenAiLayer`](openai::OpenAiLayer) | OpenAI's Chat Completions and Responses, and servers that speak them too |
//!
//! The same request goes to each of them, and the same chunks come back.
//!
//! Any `Service<http::Request<Full<Bytes>>>` that answers with an [`http::Response`] will do: the
//! one that `client()` makes (feature `client`), or one of your own below retries and timeouts.
//!
//! ```no_run
//! # async fn answer() -> Result<(), tower::BoxError> {
//! use futures::StreamExt;
//! use tower::{Service, ServiceBuilder, ServiceExt};
//! use tower_llm_callbacks::{Delta, model::anthropic::{AnthropicConfig, AnthropicLayer}, chat::ChatRequest};
//!
//! let mut model = ServiceBuilder::new()
//!     .layer(AnthropicLayer::new(AnthropicConfig::from_env()?))
//!     .service(tower_llm_callbacks::model::client());
//!
//! let request = ChatRequest::new("claude-3-haiku-20240307").max_tokens(25).user("Tell me a joke");
//! let mut answer = model.ready().await?.call(request).await?;
//! while let Some(chunk) = answer.next().await {
//!     if let Delta::Text { text, .. } = chunk? {
//!         print!("{text}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`ChatRequest`]: crate::chat::ChatRequest
//! [`ChatStream`]: crate::chat::ChatStream

mod answers;
pub mod anthropic;
mod base_url;
mod body;
mod check;
#[cfg(feature = "client")]
mod client;
mod config_error;
mod content;
mod endpoint;
mod environment;
mod fields;
mod future;
mod headers;
pub mod openai;
mod secret;
mod stream;

#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::client::{HttpClient, client};
pub use self::{config_error::ConfigError, future::ResponseFuture, secret::Secret};
pub use crate::chat::ModelError;
