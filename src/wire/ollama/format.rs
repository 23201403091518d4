use http::{Method, StatusCode};
use serde_json::json;

use super::OllamaDecoder;
use crate::{
    event::LlmStart,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse,
        request::{Members, Messages, message},
    },
};

/// Ollama's chat API as a [`Format`]: `POST …/api/chat`.
///
/// An image in the prompt is replaced by its size.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, ollama::OllamaChat};
///
/// assert!(OllamaChat.matches(&Method::POST, "/api/chat"));
/// assert!(!OllamaChat.matches(&Method::GET, "/api/tags"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OllamaChat;

/// Ollama's completion API as a [`Format`]: `POST …/api/generate`.
///
/// The prompt is read as messages: `system`, if present, and `prompt`, with an image replaced by its size.
/// `context`, an earlier conversation in tokens, is omitted.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, ollama::OllamaGenerate};
///
/// assert!(OllamaGenerate.matches(&Method::POST, "/api/generate"));
/// assert!(!OllamaGenerate.matches(&Method::POST, "/api/chat"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OllamaGenerate;

impl Format for OllamaChat {
    fn matches(&self, method: &Method, path: &str) -> bool {
        method == Method::POST && path.ends_with("/api/chat")
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        start(call, "chat", &["messages"], |members| {
            members.raw("messages").cloned().map(Messages::Sent).into_iter().collect()
        })
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        decoder(response)
    }

    fn error_body(&self, _status: StatusCode, message: &str) -> Vec<u8> {
        error_body(message)
    }
}

impl Format for OllamaGenerate {
    fn matches(&self, method: &Method, path: &str) -> bool {
        method == Method::POST && path.ends_with("/api/generate")
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let prompt = &["system", "prompt", "suffix", "images", "context"];
        start(call, "generate", prompt, |members| {
            let system = members.value("system").map(|system| message("system", system));
            let mut user = message("user", members.value("prompt").unwrap_or_else(|| "".into()));
            for name in ["suffix", "images"] {
                if let Some(value) = members.value(name) {
                    user[name] = value;
                }
            }
            system.into_iter().chain([user]).map(Messages::One).collect()
        })
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        decoder(response)
    }

    fn error_body(&self, _status: StatusCode, message: &str) -> Vec<u8> {
        error_body(message)
    }
}

fn start(
    call: &LlmHttpRequest<'_>,
    api: &str,
    prompt: &'static [&'static str],
    messages: fn(&Members) -> Vec<Messages>,
) -> LlmStart {
    let members = call.members();
    let start = members.start(call.provider_or("ollama"), api, prompt, messages);
    // Ollama streams by default.
    start.stream(members.flag("stream").unwrap_or(true))
}

/// The request decides, because proxies send a streamed answer as `application/json`.
fn decoder(response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
    let whole = match response.request {
        Some(request) => !request.stream,
        None => response.is_declared_whole(),
    };
    let decoder = if whole { OllamaDecoder::whole() } else { OllamaDecoder::new() };
    Box::new(if response.native { decoder.with_native() } else { decoder })
}

fn error_body(message: &str) -> Vec<u8> {
    json!({ "error": message }).to_string().into_bytes()
}
