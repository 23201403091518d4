//! Provider-independent chat types: requests, messages and streamed answers.
//!
//! The typed models in [`model`](crate::model) are services from [`ChatRequest`] to [`ChatStream`], a stream of
//! [`ChatChunk`]s.
//!
//! ```
//! use tower_llm_callbacks::chat::ChatRequest;
//!
//! let request = ChatRequest::new("claude-3-haiku-20240307")
//!     .max_tokens(25)
//!     .system("Be brief.")
//!     .user("Hello");
//! assert!(request.stream);
//! ```
//!
//! # Tools
//!
//! A model that calls tools is asked again, with its own answer and the results. [`Message::from`] keeps what the provider
//! demands back, such as what the model thought, with its signature:
//!
//! ```
//! use serde_json::{Value, json};
//! use tower_llm_callbacks::chat::{BoxModel, ChatRequest, Message, Tool};
//! # use tower_llm_callbacks::testing::{Script, ScriptedModel};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let thinks = Script::new().respond().reasoning("Look it up.").signature("c2ln");
//! # let calls = thinks.tool_call("call_1", "get_weather", r#"{"city":"Paris"}"#).complete("tool_use");
//! # let model = ScriptedModel::new([calls, Script::answer(["It is sunny in Paris."])]).expect(|call, request: &ChatRequest| {
//! #     assert_eq!(request.messages.len(), 1 + 2 * call);
//! # });
//! # let model = BoxModel::new(model); // here of a script
//! let city = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
//! let mut request = ChatRequest::new("claude-sonnet-4-5")
//!     .max_tokens(4096)
//!     .param("thinking", json!({"type": "enabled", "budget_tokens": 1024})) // Anthropic's own field
//!     .tool(Tool::new("get_weather", city))
//!     .user("What is the weather in Paris?");
//! let answer = loop {
//!     let answer = model.ask(request.clone()).await?.collect_result().await?;
//!     let Some(choice) = answer.choices.first().filter(|choice| !choice.tool_calls.is_empty()) else {
//!         break answer;
//!     };
//!     request = request.message(Message::from(choice));
//!     for call in &choice.tool_calls {
//!         let arguments: Value = serde_json::from_str(&call.arguments)?;
//!         let result = format!("{}: sunny, 18 °C", arguments["city"]);
//!         request = request.message(Message::tool_result(&call.id, result));
//!     }
//! };
//! println!("{}", answer.text());
//! # assert_eq!(answer.text(), "It is sunny in Paris.");
//! # Ok(()) }
//! ```
//!
//! To see tools as runs, with the model's calls and theirs in one tree, make them services below a
//! [`RunLayer`](crate::RunLayer).

mod box_model;
mod chunk;
mod collect;
mod content;
mod error;
pub(crate) mod identity;
mod llm_request;
mod message;
mod request;
mod stream;
mod tool;

pub use self::{
    box_model::BoxModel,
    chunk::ChatChunk,
    collect::collect,
    content::ContentPart,
    error::ModelError,
    message::{Message, Role},
    request::ChatRequest,
    stream::ChatStream,
    tool::{Tool, ToolChoice},
};
