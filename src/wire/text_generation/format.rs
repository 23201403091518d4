use http::{Method, StatusCode};
use serde_json::Value;

use super::TextGenerationDecoder;
use crate::{
    event::LlmStart,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse, anthropic::AnthropicMessages,
        request::message,
    },
};

/// Anthropic's legacy text completions as a [`Format`]: `POST …/v1/complete`.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, text_generation::AnthropicComplete};
///
/// assert!(AnthropicComplete.matches(&Method::POST, "/v1/complete"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct AnthropicComplete;

impl Format for AnthropicComplete {
    fn matches(&self, method: &Method, path: &str) -> bool {
        method == Method::POST && path.ends_with("/v1/complete")
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        text_start(call, call.provider_or("anthropic"), "complete", &["prompt"])
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        decoder(response)
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        AnthropicMessages.error_body(status, message)
    }
}

/// Returns the start of a call whose prompt is one member: a text, or several.
pub(super) fn text_start(
    call: &LlmHttpRequest<'_>,
    provider: &str,
    api: &str,
    prompt: &'static [&'static str; 1],
) -> LlmStart {
    call.members().start(provider, api, prompt, |members| {
        let prompts = match members.value(prompt[0]) {
            // An array of numbers is one prompt, in tokens.
            Some(Value::Array(all)) if !all.iter().all(Value::is_number) => all,
            one => one.into_iter().collect(),
        };
        prompts.into_iter().map(|text| message("user", text)).collect()
    })
}

pub(super) fn decoder(response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
    Box::new(match response.is_declared_whole() {
        true => TextGenerationDecoder::whole(),
        false => TextGenerationDecoder::new(),
    })
}
