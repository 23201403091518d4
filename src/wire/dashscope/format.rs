use http::{Method, StatusCode, header::ACCEPT};
use serde_json::json;

use super::DashScopeDecoder;
use crate::{
    event::LlmStart,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse,
        request::{Messages, items, message},
    },
};

/// DashScope's generation as a [`Format`]: `POST …/aigc/text-generation/generation` and
/// `…/aigc/multimodal-generation/generation`.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, dashscope::DashScope};
///
/// let path = "/api/v1/services/aigc/text-generation/generation";
/// assert!(DashScope.matches(&Method::POST, path));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct DashScope;

const ENDS: [&str; 2] =
    ["/aigc/text-generation/generation", "/aigc/multimodal-generation/generation"];

impl Format for DashScope {
    fn matches(&self, method: &Method, path: &str) -> bool {
        method == Method::POST && ENDS.iter().any(|end| path.ends_with(end))
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let provider = call.provider_or("alibaba");
        let start = call.members().start(provider, "generation", &["input"], |members| {
            let input = members.nested("input").unwrap_or_default();
            match input.raw("messages") {
                Some(messages) => vec![Messages::Sent(messages.clone())],
                None => items(input.value("prompt"))
                    .into_iter()
                    .map(|text| Messages::One(message("user", text)))
                    .collect(),
            }
        });
        // A header says so.
        let has = |name: &str, value| {
            call.headers
                .get_all(name)
                .iter()
                .any(|it| it.to_str().is_ok_and(|it| it.contains(value)))
        };
        start.stream(has("x-dashscope-sse", "enable") || has(ACCEPT.as_str(), "text/event-stream"))
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(DashScopeDecoder::of(response))
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        // After "Error messages" in Alibaba Cloud's documentation.
        let code = match status.as_u16() {
            401 => "InvalidApiKey",
            403 => "AccessDenied",
            404 => "ModelNotFound",
            429 => "Throttling.RateQuota",
            400..=499 => "InvalidParameter",
            _ => "InternalError",
        };
        json!({"code": code, "message": message}).to_string().into_bytes()
    }
}
