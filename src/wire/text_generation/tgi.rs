use http::{Method, StatusCode};
use serde_json::json;

use super::format::{decoder, text_start};
use crate::{
    event::LlmStart,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse},
};

/// Hugging Face's Text Generation Inference as a [`Format`]: `POST …/generate` and `…/generate_stream` with `inputs`.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, text_generation::TgiGenerate};
///
/// assert!(TgiGenerate.matches(&Method::POST, "/generate_stream"));
/// assert!(!TgiGenerate.matches(&Method::POST, "/health"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct TgiGenerate;

impl Format for TgiGenerate {
    fn matches(&self, method: &Method, path: &str) -> bool {
        let is_path = path.ends_with("/generate") || path.ends_with("/generate_stream");
        method == Method::POST && is_path
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        Call::new().only_if(request.members().has("inputs"))
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let start = text_start(call, call.provider_or("hugging_face"), "generate", &["inputs"]);
        let streamed = start.stream || call.path().ends_with("_stream");
        start.stream(streamed)
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        decoder(response)
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        let kind = if status.is_client_error() { "validation" } else { "generation" };
        json!({"error": message, "error_type": kind}).to_string().into_bytes()
    }
}
