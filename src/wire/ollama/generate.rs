use http::{Method, StatusCode};

use super::{format, prompt};
use crate::{
    event::{LlmStart, ProviderError},
    wire::{Decoder, Format, HttpCall, Recognition, error},
};

/// Ollama's completion of a prompt as a [`Format`]: `POST …/api/generate`.
///
/// The prompt is told as messages: `system`, if any, and `prompt`, an image by its size. `context`, which
/// is an earlier conversation in tokens, is not told.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, Recognition, ollama::OllamaGenerate};
///
/// assert_eq!(OllamaGenerate.recognise(&Method::POST, "/api/generate"), Recognition::Yes);
/// assert_eq!(OllamaGenerate.recognise(&Method::POST, "/api/chat"), Recognition::No);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OllamaGenerate;

impl Format for OllamaGenerate {
    fn recognise(&self, method: &Method, path: &str) -> Recognition {
        format::recognise(method, path, "/api/generate")
    }

    fn start(&self, call: &HttpCall<'_>) -> LlmStart {
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
