use http::{Method, StatusCode};

use super::{
    decoder::OperationDecoder,
    inputs::{is_call, items, start},
};
use crate::{
    event::LlmStart,
    run::RunType,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse, ollama::OllamaChat},
};

/// Ollama's embeddings as a [`Format`]: `POST …/api/embed`, and the older `…/api/embeddings`.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, operations::OllamaEmbed};
///
/// assert!(OllamaEmbed.matches(&Method::POST, "/api/embed"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OllamaEmbed;

const INPUTS: [&str; 2] = ["input", "prompt"];

impl Format for OllamaEmbed {
    fn matches(&self, method: &Method, path: &str) -> bool {
        is_call(method, path, &["/api/embed", "/api/embeddings"])
    }

    fn describe(&self, _request: &LlmHttpRequest<'_>) -> Call {
        Call::of(RunType::Embedding)
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let whose = ("ollama", "embed");
        start(call, whose, &call.members(), &INPUTS, &INPUTS, |members| items(members, &INPUTS))
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(OperationDecoder::new(response))
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        OllamaChat.error_body(status, message)
    }
}
