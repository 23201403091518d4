//! Ollama's own API. It serves [OpenAI's](super::openai) too.
//!
//! [`OllamaLayer`] turns an HTTP client service into an [`OllamaModel`], a service from
//! [`ChatRequest`](crate::chat::ChatRequest) to [`ChatStream`](crate::chat::ChatStream).
//!
//! | [`ChatRequest`](crate::chat::ChatRequest) | Ollama |
//! |---|---|
//! | `system`, messages | `messages` |
//! | `Image` | in `images` of its message; a URL, a `File`, an `Audio` or a `CachePoint` is refused |
//! | `ToolCall`, `ToolResult` | `tool_calls`; a message of the role `tool` with the name of the call's tool |
//! | `Reasoning` | omitted; thinking comes back with the answer that it came with |
//! | `max_tokens`, `temperature`, `top_p`, `top_k`, `seed`, `stop` | in `options`, `max_tokens` as `num_predict` |
//! | `answer_schema`, `reasoning_effort` | `format`, `think` |
//! | `tools` | `tools`; a `tool_choice` other than `Auto`, no parallel calls, and a `service_tier` are refused |
//! | `params` | fields of the same names; members of `options` take precedence; see [`OllamaRequest`] |

mod config;
mod embeddings;
mod extension;
mod request;

pub use self::{
    config::{OllamaConfig, OllamaLayer, OllamaModel},
    extension::OllamaRequest,
};
