//! OpenAI's Chat Completions and Responses, also of compatible servers: vLLM, llama.cpp, Ollama, Groq …
//!
//! [`OpenAiLayer`] turns an HTTP client service into an [`OpenAiModel`].
//!
//! ```
//! use tower::{Layer, Service, ServiceExt};
//! use tower_llm_callbacks::{model::openai::{OpenAiConfig, OpenAiLayer}, chat::ChatRequest};
//!
//! # async fn answer() -> Result<(), tower::BoxError> {
//! # let http = tower::service_fn(async |_: http::Request<http_body_util::Full<bytes::Bytes>>| {
//! #     let body = concat!(
//! #         r#"data: {"choices":[{"index":0,"delta":{"content":"Hi!"},"finish_reason":"stop"}]}"#,
//! #         "\n\ndata: [DONE]\n\n",
//! #     );
//! #     Ok::<_, std::io::Error>(http::Response::new(http_body_util::Full::<bytes::Bytes>::from(body)))
//! # });
//! // `http` is model::client(), or any other HTTP client service.
//! let config = OpenAiConfig::without_key("http://localhost:8000/v1");
//! let mut model = OpenAiLayer::new(config).layer(http);
//!
//! let request = ChatRequest::new("qwen3-8b").user("Hello");
//! let answer = model.ready().await?.call(request).await?;
//! assert_eq!(answer.collect_result().await?.text(), "Hi!");
//! # Ok(())
//! # }
//! # tokio_test::block_on(answer()).unwrap();
//! ```
//!
//! | [`ChatRequest`](crate::chat::ChatRequest) | Chat Completions | Responses |
//! |---|---|---|
//! | `system` | the first message, of the role `system` | `instructions` |
//! | messages | `messages` of the same role | `message` items of `input`, of the same role |
//! | other parts than results in messages of the role `tool` | `user` messages | `user` messages |
//! | a `Text` alone in a message | the content, a string | the content, a string |
//! | `Text` | a `text` part | an `input_text` part, in the assistant's messages an `output_text` part |
//! | `Image`, `ImageUrl` | an `image_url` part, with a `data:` URL for an `Image` | an `input_image` part with `detail` `auto` and the same URL |
//! | `File` | a `file` part with a `data:` URL | an `input_file` part likewise |
//! | `FileUrl`, `Audio` | refused; an `input_audio` part | an `input_file` part; refused |
//! | `CachePoint` | `prompt_cache_breakpoint` of the part before it | the same; a tool's is refused by both |
//! | `Reasoning` | omitted: it is not accepted | omitted; use `Raw` for the provider's own item |
//! | `ToolCall` | in `tool_calls` of its message, whose `content` is null if it has no other | a `function_call` item |
//! | arguments of a `ToolCall` | a string of JSON; null is `{}`, a string is sent unchanged | the same |
//! | `ToolResult` | a message of the role `tool`, before the other parts of its message | a `function_call_output` item, likewise |
//! | … in a message of the assistant | in its place, after the calls before it | the same |
//! | … `is_error` | omitted: the content describes the error | omitted |
//! | `Raw` | the value as a content part | a content part if its `type` begins with `input_` or `output_` or is `refusal`, otherwise an item in its place |
//! | `max_tokens` | `max_completion_tokens`, or [another field](OpenAiConfig::max_tokens_field) | `max_output_tokens` |
//! | `stop`, `seed` | `stop`, `seed` | refused: not supported |
//! | `top_k` | `top_k`, which some compatible servers support but OpenAI does not | refused: not supported |
//! | `tools` | `function` tools | `function` tools that are not `strict` |
//! | `ToolChoice::Tool` | `{"type": "function", "function": {"name": …}}` | `{"type": "function", "name": …}` |
//! | `stream` | `stream`, and `stream_options` with [`include_usage`](OpenAiConfig::include_usage) | `stream` |
//! | `answer_schema`, `reasoning_effort` | `response_format`, `reasoning_effort` | in `text`, in `reasoning` |
//! | `params` | fields of the same names, which take precedence over all others; see [`OpenAiRequest`] | the same |
//!
//! Unset fields are not sent, except `stream` and `stream_options`. OpenAI therefore stores the answers of the
//! Responses API, unless a request has `.param("store", false)`.

mod api;
mod chat;
mod common;
mod config;
mod embeddings;
mod extension;
mod options;
mod responses;

pub use self::{
    api::{OpenAiLayer, OpenAiModel},
    config::OpenAiConfig,
    extension::OpenAiRequest,
    options::{MaxTokensField, OpenAiApi},
};
