//! Amazon Bedrock's `Converse`, which serves the models of many vendors.
//!
//! [`BedrockLayer`] turns an HTTP client service into a [`BedrockModel`], a service from
//! [`ChatRequest`](crate::chat::ChatRequest) to [`ChatStream`](crate::chat::ChatStream). Requests have a key of Bedrock, or
//! are [signed](BedrockConfig::signed).
//!
//! | [`ChatRequest`](crate::chat::ChatRequest) | `Converse` |
//! |---|---|
//! | `model` | in the path; an id or an ARN |
//! | `system`, messages of the role `system` | `system` |
//! | messages | `messages`; consecutive ones of one role are merged; a tool's results are a `user`'s |
//! | `Reasoning` with a signature | `reasoningContent`; without one, omitted |
//! | `ToolCall`, `ToolResult` | `toolUse`, `toolResult` |
//! | `Image`, `File`, `Audio` | `image`, `document`, `audio` with the bytes; other signs in a file's name are dashes |
//! | `ImageUrl`, `FileUrl` | the same with the place in S3; other URLs are refused |
//! | `CachePoint`, a tool's cache point | `cachePoint` |
//! | `max_tokens`, `temperature`, `top_p`, `stop` | in `inferenceConfig` |
//! | `tools`, `tool_choice` | `toolConfig`; `ToolChoice::None` is refused |
//! | `answer_schema`, `reasoning_effort` | `textFormat`, `effort` in `outputConfig` |
//! | `service_tier` | `serviceTier` |
//! | `top_k`, `seed`, no parallel calls | refused; see [`BedrockRequest::model_field`] |
//! | `stream` | the operation `converse-stream` |
//! | `params` | fields of the same names; their members take precedence |

mod config;
mod extension;
mod part;
mod request;
mod signer;

pub use self::{
    config::{BedrockConfig, BedrockLayer, BedrockModel},
    extension::BedrockRequest,
};
