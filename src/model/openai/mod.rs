//! OpenAI's Chat Completions and Responses, also of servers that speak them too: vLLM, llama.cpp, Ollama,
//! Groq …
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
//! | of the [`ChatRequest`](crate::chat::ChatRequest) | becomes, in Chat Completions | in Responses |
//! |---|---|---|
//! | `system` | the first message, of the role `system` | `instructions` |
//! | messages | `messages`, of their roles | `message` items of `input`, of their roles |
//! | what messages of the role `tool` have beside results | `user` messages | `user` messages |
//! | a `Text` alone in its message | the content, a string | the content, a string |
//! | `Text` | a `text` part | an `input_text` part, the assistant's an `output_text` part |
//! | `Image`, `ImageUrl` | an `image_url` part, with a `data:` URL for what is in the request | an `input_image` part, likewise, with `detail` `auto` |
//! | `Reasoning` | nothing: it is not taken back | nothing; the provider's own item goes as a `Raw` one |
//! | `ToolCall` | in `tool_calls` of its message, whose `content` is null if it has no other | a `function_call` item |
//! | its arguments | a string of JSON; null is `{}`, a string goes as it is | the same |
//! | `ToolResult` | a message of the role `tool`, before whatever else its message says | a `function_call_output` item, likewise |
//! | … in a message of the assistant | in its place, behind the calls before it | the same |
//! | … `is_error` | nothing: its content says what went wrong | nothing |
//! | `Raw` | itself, as a content part | a content part if its `type` begins with `input_` or `output_` or is `refusal`, else an item in its place |
//! | `max_tokens` | `max_completion_tokens`, or [another](OpenAiConfig::max_tokens_field) | `max_output_tokens` |
//! | `stop` | `stop` | refused: there is none |
//! | `top_k` | `top_k`, which OpenAI does not take, but others do | refused: there is none |
//! | `tools` | `function` tools | `function` tools that are not `strict` |
//! | `ToolChoice::Tool` | `{"type": "function", "function": {"name": …}}` | `{"type": "function", "name": …}` |
//! | `stream` | `stream`, and `stream_options` with [`include_usage`](OpenAiConfig::include_usage) | `stream` |
//! | `params` | fields of their own names, before all others | the same |
//!
//! Nothing is sent that is not set, `stream` and `stream_options` aside. So OpenAI keeps the answers of
//! the Responses API, unless a request has `.param("store", false)`.

mod api;
mod arguments;
mod chat;
mod check;
mod config;
mod endpoint;
mod from_env;
mod image;
mod layer;
mod max_tokens_field;
mod responses;
mod service;
mod tool_choice;

pub use self::{
    api::OpenAiApi, config::OpenAiConfig, layer::OpenAiLayer, max_tokens_field::MaxTokensField,
    service::OpenAiModel,
};
