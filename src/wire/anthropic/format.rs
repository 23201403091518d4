use http::{Method, StatusCode};
use serde_json::json;

use super::AnthropicDecoder;
use crate::{
    event::LlmStart,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse,
        request::{Messages, message},
        vertex::RawPredict,
    },
};

/// Anthropic's Messages API as a [`Format`]: `POST …/v1/messages`, and on Vertex AI
/// `POST …/publishers/anthropic/models/{model}:rawPredict` and `:streamRawPredict`.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnthropicMessages;

impl Format for AnthropicMessages {
    fn matches(&self, method: &Method, path: &str) -> bool {
        method == Method::POST && is_call(path)
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let mut start = call.members().start(
            call.provider_or("anthropic"),
            "messages",
            &["system", "messages"],
            |members| {
                let system = members.value("system").map(|system| message("system", system));
                let messages = members.raw("messages").cloned().map(Messages::Sent);
                system.map(Messages::One).into_iter().chain(messages).collect()
            },
        );
        if let Some(vertex) = RawPredict::of(&call.path()) {
            start.model = Some(vertex.model.into());
            start.stream |= vertex.streamed;
        }
        start
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        let decoder = match response.is_declared_whole() {
            true => AnthropicDecoder::whole(),
            false => AnthropicDecoder::new(),
        };
        Box::new(if response.native { decoder.with_native() } else { decoder })
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        // After "HTTP errors" in Anthropic's documentation.
        let kind = match status.as_u16() {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            504 => "timeout_error",
            529 => "overloaded_error",
            400..=499 => "invalid_request_error",
            _ => "api_error",
        };
        let error = json!({"type": "error", "error": {"type": kind, "message": message}});
        error.to_string().into_bytes()
    }
}

fn is_call(path: &str) -> bool {
    path.ends_with("/v1/messages")
        || RawPredict::of(path).is_some_and(|vertex| vertex.publisher == "anthropic")
}
