use http::{Method, StatusCode};
use serde_json::json;

use super::format::{decoder, text_start};
use crate::{
    event::LlmStart,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse, request::message},
};

/// llama.cpp's own completions as a [`Format`]: `POST …/completion` with a `prompt`, and `POST …/infill` with an
/// `input_prefix` or an `input_suffix`.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, text_generation::LlamaCppCompletion};
///
/// assert!(LlamaCppCompletion.matches(&Method::POST, "/completion"));
/// assert!(!LlamaCppCompletion.matches(&Method::POST, "/tokenize"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct LlamaCppCompletion;

/// The members of the prompt of an infill.
const INFILL: [&str; 4] = ["input_extra", "input_prefix", "prompt", "input_suffix"];

impl Format for LlamaCppCompletion {
    fn matches(&self, method: &Method, path: &str) -> bool {
        let is_path = path.ends_with("/completion") || path.ends_with("/infill");
        method == Method::POST && is_path
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        let members = request.members();
        Call::new().only_if(INFILL[1..].iter().any(|name| members.has(name)))
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let provider = call.provider_or("llama_cpp");
        if call.path().ends_with("/completion") {
            return text_start(call, provider, "completion", &["prompt"]);
        }
        call.members().start(provider, "infill", &INFILL, |members| {
            let mut prompt = message("user", members.value("prompt").unwrap_or_else(|| "".into()));
            for name in ["input_extra", "input_prefix", "input_suffix"] {
                if let Some(value) = members.value(name) {
                    prompt[name] = value;
                }
            }
            vec![prompt]
        })
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        decoder(response)
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        let kind = match status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            503 => "unavailable_error",
            400..=499 => "invalid_request_error",
            _ => "server_error",
        };
        let error = json!({"code": status.as_u16(), "message": message, "type": kind});
        json!({ "error": error }).to_string().into_bytes()
    }
}
