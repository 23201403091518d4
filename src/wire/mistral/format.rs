use http::{Method, StatusCode};

use super::ConversationsDecoder;
use crate::{
    event::LlmStart,
    wire::{
        Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse, openai,
        request::{items, message},
    },
};

/// Mistral's conversations as a [`Format`]: `POST …/conversations`, `…/conversations/{id}` and `…/conversations/{id}/restart`,
/// with `inputs` in the body. OpenAI has other operations at these paths, which call no model.
///
/// An agent is among the parameters: it is no model.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, mistral::MistralConversations};
///
/// let matches = |path| MistralConversations.matches(&Method::POST, path);
/// assert!(matches("/v1/conversations"));
/// assert!(matches("/v1/conversations/conv_1/restart"));
/// assert!(!matches("/v1/conversations/conv_1/messages"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct MistralConversations;

impl Format for MistralConversations {
    fn matches(&self, method: &Method, path: &str) -> bool {
        let path = path.strip_suffix("/restart").unwrap_or(path);
        let is_one = || openai::is_fetch(path, "/conversations");
        *method == Method::POST && (path.ends_with("/conversations") || is_one())
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        Call::new().only_if(request.members().has("inputs"))
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let provider = call.provider_or("mistral_ai");
        call.members().start(provider, "conversations", &["instructions", "inputs"], |members| {
            let system = members.value("instructions").map(|text| message("system", text));
            let inputs = match members.value("inputs") {
                Some(text) if text.is_string() => vec![message("user", text)],
                inputs => items(inputs),
            };
            system.into_iter().chain(inputs).collect()
        })
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(match response.is_declared_whole() {
            true => ConversationsDecoder::whole(),
            false => ConversationsDecoder::new(),
        })
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}
