//! Google's Gemini API.
//!
//! [`GeminiLayer`] turns an HTTP client service into a [`GeminiModel`], a service from
//! [`ChatRequest`](crate::chat::ChatRequest) to [`ChatStream`](crate::chat::ChatStream).
//!
//! | [`ChatRequest`](crate::chat::ChatRequest) | Gemini |
//! |---|---|
//! | `system`, messages of the role `system` | `systemInstruction` |
//! | messages | `contents`, of the role `user` or `model`; a tool's results are a `user`'s |
//! | `Image`, `File`, `Audio` | `inlineData` |
//! | `ImageUrl`, `FileUrl` | `fileData` |
//! | `CachePoint`, no parallel calls | refused; see [`GeminiRequest::cached_content`] |
//! | `ToolCall`, `ToolResult` | `functionCall`, `functionResponse` with the name of the call's tool |
//! | `Reasoning` | omitted; signatures of thoughts come back with the parts that they came with |
//! | `max_tokens`, `temperature`, `top_p`, `top_k`, `seed`, `stop` | in `generationConfig` |
//! | `answer_schema` | `responseJsonSchema` in `generationConfig`, and the type of JSON |
//! | `reasoning_effort` | `thinkingConfig.thinkingLevel` in `generationConfig` |
//! | `tools`, `tool_choice` | `functionDeclarations`, `toolConfig` |
//! | `stream` | the method `streamGenerateContent` |
//! | `service_tier` | `serviceTier` |
//! | `params` | fields of the same names; members of `generationConfig` take precedence |

mod config;
mod embeddings;
mod extension;
mod part;
mod request;

pub use self::{
    config::{GeminiConfig, GeminiLayer, GeminiModel},
    extension::GeminiRequest,
};
