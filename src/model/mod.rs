//! Typed models: layers that turn an HTTP client service into a service from [`ChatRequest`] to [`ChatStream`].
//!
//! | layer | API |
//! |---|---|
//! | [`AnthropicLayer`](anthropic::AnthropicLayer) | Anthropic's Messages API |
//! | [`OpenAiLayer`](openai::OpenAiLayer) | Chat Completions and Responses of OpenAI and compatible servers |
//! | [`GeminiLayer`](gemini::GeminiLayer) | Google's Gemini API |
//! | [`OllamaLayer`](ollama::OllamaLayer) | Ollama's own API |
//! | [`BedrockLayer`](bedrock::BedrockLayer) | Amazon Bedrock's `Converse` |
//!
//! [`embeddings`] has those of embeddings.
//!
//! All models accept the same requests and return the same chunks.
//!
//! The HTTP client is any `Service<http::Request<Full<Bytes>>>` that returns an [`http::Response`]: that of
//! `client()` (feature `client`), or your own, possibly below retries and timeouts.
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
//! let request = ChatRequest::new("claude-3-haiku-20240307").max_tokens(25).user("Hello");
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

pub mod anthropic;
mod api;
mod base_url;
pub mod bedrock;
mod calls;
mod check;
#[cfg(feature = "client")]
mod client;
pub mod cohere;
mod config_error;
mod connection;
mod content;
pub mod embeddings;
mod endpoint;
mod environment;
mod fields;
#[cfg(feature = "reqwest")]
mod from_reqwest;
mod future;
pub mod gemini;
mod headers;
mod layer;
mod media;
#[cfg(feature = "reqwest-middleware")]
mod middleware;
mod native;
pub mod ollama;
pub mod openai;
mod read_bounded;
#[cfg(feature = "reqwest")]
mod reqwest;
mod response_reader;
mod secret;
mod service;
mod settings;
mod stream;

#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::client::{HttpClient, client};
#[cfg(feature = "reqwest-middleware")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest-middleware")))]
pub use self::middleware::CallbackMiddleware;
pub use self::{
    api::ModelConfig, config_error::ConfigError, future::ResponseFuture, layer::ModelLayer,
    secret::Secret, service::ModelService,
};
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use self::{
    from_reqwest::{FromReqwest, FromReqwestLayer, Unchanged},
    reqwest::{ReqwestFuture, ReqwestService},
};
pub use crate::chat::ModelError;
