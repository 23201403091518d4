use http::{Method, StatusCode};

use super::{format, prompt};
use crate::{
    event::{LlmStart, ProviderError},
    wire::{Decoder, Format, HttpCall, Recognition, error},
};

/// Ollama's chat as a [`Format`]: `POST …/api/chat`.
///
/// An image in the prompt is told by its size, not copied.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, Recognition, ollama::OllamaChat};
///
/// assert_eq!(OllamaChat.recognise(&Method::POST, "/api/chat"), Recognition::Yes);
/// assert_eq!(OllamaChat.recognise(&Method::GET, "/api/tags"), Recognition::No);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OllamaChat;

impl Format for OllamaChat {
    fn recognise(&self, method: &Method, path: &str) -> Recognition {
        format::recognise(method, path, "/api/chat")
    }

    fn start(&self, call: &HttpCall<'_>) -> LlmStart {
        let members = call.members();
        let start = members.start("ollama", "chat", &["messages"], prompt::of_chat);
        // It streams unless told not to.
        start.stream(members.flag("stream").unwrap_or(true))
    }

    fn decoder(&self, content_type: Option<&str>) -> Box<dyn Decoder> {
        format::decoder(content_type)
    }

    fn error(&self, status: StatusCode, body: &[u8]) -> ProviderError {
        error::of_answer(status, body)
    }

    fn error_body(&self, _status: StatusCode, message: &str) -> Vec<u8> {
        format::error_body(message)
    }
}
