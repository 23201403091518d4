use http::{Method, StatusCode};

use super::{format, prompt};
use crate::{
    event::{LlmStart, ProviderError},
    wire::{Decoder, Format, LlmHttpRequest, Match, error},
};

/// Ollama's chat as a [`Format`]: `POST …/api/chat`.
///
/// An image in the prompt is told by its size, not copied.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, Match, ollama::OllamaChat};
///
/// assert_eq!(OllamaChat.matches(&Method::POST, "/api/chat"), Match::Yes);
/// assert_eq!(OllamaChat.matches(&Method::GET, "/api/tags"), Match::No);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OllamaChat;

impl Format for OllamaChat {
    fn matches(&self, method: &Method, path: &str) -> Match {
        format::matches(method, path, "/api/chat")
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
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
