//! A chat with a model, whoever the provider is: the request, its messages, and the streamed answer.
//!
//! The typed models in [`model`](crate::model) are services from a [`ChatRequest`] to a
//! [`ChatStream`]; the chunks of the stream are [`ChatChunk`]s.
//!
//! ```
//! use tower_llm_callbacks::chat::ChatRequest;
//!
//! let request = ChatRequest::new("claude-3-haiku-20240307")
//!     .max_tokens(25)
//!     .system("Be brief.")
//!     .user("Tell me a joke");
//! assert!(request.stream);
//! ```

mod chunk;
mod collect;
mod content;
mod describe;
mod error;
mod message;
mod request;
mod stream;
mod tool;

pub use self::{
    chunk::ChatChunk,
    collect::collect,
    content::ContentPart,
    error::ModelError,
    message::{Message, Role},
    request::ChatRequest,
    stream::ChatStream,
    tool::{Tool, ToolChoice},
};
