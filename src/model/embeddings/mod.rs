//! Typed models of embeddings: services from [`EmbeddingRequest`] to [`Embeddings`].
//!
//! The configurations are those of the providers: [`OpenAiConfig`](super::openai::OpenAiConfig), also for compatible servers,
//! [`GeminiConfig`](super::gemini::GeminiConfig), [`OllamaConfig`](super::ollama::OllamaConfig) and
//! [`CohereConfig`](super::cohere::CohereConfig). A [`layer::ModelLayer`](crate::layer::ModelLayer) above emits their events.
//!
//! ```no_run
//! # async fn embed() -> Result<(), tower::BoxError> {
//! use tower::ServiceBuilder;
//! use tower_llm_callbacks::{
//!     Callbacks,
//!     layer::ModelLayer,
//!     model::{embeddings::{EmbeddingLayer, EmbeddingRequest}, openai::OpenAiConfig},
//! };
//!
//! let embed = ServiceBuilder::new()
//!     .layer(ModelLayer::embedding(Callbacks::new()))
//!     .layer(EmbeddingLayer::new(OpenAiConfig::from_env()?))
//!     .service(tower_llm_callbacks::model::client());
//! let request = EmbeddingRequest::new("text-embedding-3-small").input("Why can't a bicycle stand up?");
//! let answer = embed.oneshot(request).await?;
//! println!("{} numbers", answer.vectors[0].len());
//! # Ok(())
//! # }
//! ```
//!
//! | [`EmbeddingRequest`] | OpenAI | Gemini | Ollama | Cohere |
//! |---|---|---|---|---|
//! | `inputs` | `input` | `requests` of `batchEmbedContents` | `input` | `texts` |
//! | `dimensions` | `dimensions` | `outputDimensionality` | `dimensions` | `output_dimension` |
//! | `task` | refused | `taskType` | refused | `input_type`, which it requires |
//! | `params` | fields of the same names, which take precedence | the same | the same | the same |

mod answer;
mod api;
mod layer;
mod request;
mod service;
mod vector;

pub use self::{
    answer::Embeddings,
    api::EmbeddingConfig,
    layer::EmbeddingLayer,
    request::EmbeddingRequest,
    service::{EmbeddingFuture, EmbeddingModel},
};
pub(in crate::model) use self::{api::EmbeddingApi, vector::Vector};
