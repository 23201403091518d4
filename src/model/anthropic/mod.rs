//! Anthropic's Messages API.
//!
//! [`AnthropicLayer`] turns an HTTP client service into an [`AnthropicModel`].
//!
//! | [`ChatRequest`](crate::chat::ChatRequest) | Messages API |
//! |---|---|
//! | `system`, messages of the role `system` | `system`, in this order |
//! | messages of the role `tool` | `user` messages; consecutive ones are merged |
//! | `Reasoning` with a signature | a `thinking` block |
//! | `Reasoning` without a signature | omitted: the provider accepts only signed reasoning |
//! | `ToolCall`, `ToolResult` | `tool_use`, `tool_result` blocks |
//! | `Raw` | the value, unchanged |
//! | `stop` | `stop_sequences` |
//! | `ToolChoice::Required` | `{"type": "any"}` |
//! | `params` | fields of the same names, which take precedence over all others |
//!
//! Unset fields are not sent, except `max_tokens` and `stream`.

mod api;
mod block;
mod config;
mod request;

pub use self::{
    api::{AnthropicLayer, AnthropicModel},
    config::{AnthropicConfig, Auth},
};
pub use super::ResponseFuture;
