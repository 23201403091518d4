//! Anthropic's Messages API.
//!
//! [`AnthropicLayer`] turns an HTTP client service into an [`AnthropicModel`].
//!
//! | of the [`ChatRequest`](crate::chat::ChatRequest) | becomes |
//! |---|---|
//! | `system`, and messages of the role `system` | `system`, in this order |
//! | messages of the role `tool` | `user` messages; those in a row are one |
//! | `Reasoning` with a signature | a `thinking` block |
//! | `Reasoning` without one | nothing: the provider takes back only what it signed |
//! | `ToolCall`, `ToolResult` | `tool_use`, `tool_result` blocks |
//! | `Raw` | itself |
//! | `stop` | `stop_sequences` |
//! | `ToolChoice::Required` | `{"type": "any"}` |
//! | `params` | fields of their own names, before all others |
//!
//! Nothing is sent that is not set, `max_tokens` and `stream` aside.

mod auth;
mod block;
mod config;
mod endpoint;
mod layer;
mod request;
mod service;

pub use self::{
    auth::Auth, config::AnthropicConfig, layer::AnthropicLayer, service::AnthropicModel,
};
pub use super::ResponseFuture;
