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
//! | `Image`, `ImageUrl` | an `image` block |
//! | `File`, `FileUrl` | a `document` block: a PDF, a text, or a URL; other types are refused |
//! | `CachePoint`, a tool's cache point | `cache_control` of the block before it, of the tool |
//! | `Audio`, `seed` | refused: not supported |
//! | `Raw` | the value, unchanged |
//! | `stop` | `stop_sequences` |
//! | `ToolChoice::Required` | `{"type": "any"}` |
//! | `answer_schema`, `reasoning_effort` | in `output_config` |
//! | `params` | fields of the same names, which take precedence over all others; see [`AnthropicRequest`] |
//!
//! Unset fields are not sent, except `max_tokens` and `stream`.

mod api;
mod block;
mod config;
mod extension;
mod request;

pub use self::{
    api::{AnthropicLayer, AnthropicModel},
    config::{AnthropicConfig, Auth},
    extension::AnthropicRequest,
};
pub use super::ResponseFuture;
