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
