use http::{Method, StatusCode};

use super::{format, prompt};
use crate::{
    event::{LlmStart, ProviderError},
    wire::{Decoder, Format, LlmHttpRequest, Match, error},
};

/// Ollama's completion of a prompt as a [`Format`]: `POST …/api/generate`.
///
/// The prompt is told as messages: `system`, if any, and `prompt`, an image by its size. `context`, which
/// is an earlier conversation in tokens, is not told.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, Match, ollama::OllamaGenerate};
///
/// assert_eq!(OllamaGenerate.matches(&Method::POST, "/api/generate"), Match::Yes);
/// assert_eq!(OllamaGenerate.matches(&Method::POST, "/api/chat"), Match::No);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OllamaGenerate;

impl Format for OllamaGenerate {
    fn matches(&self, method: &Method, path: &str) -> Match {
        format::matches(method, path, "/api/generate")
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let members = call.members();
        let asked = &["system", "prompt", "suffix", "images", "context"];
        let start = members.start("ollama", "generate", asked, prompt::of_generate);
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
