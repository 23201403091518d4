use http::{Method, StatusCode};

use super::InteractionsDecoder;
use crate::{
    event::LlmStart,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse,
        gemini::Gemini,
        openai,
        request::{items, message},
    },
};

/// Gemini's Interactions API as a [`Format`]: `POST …/interactions`, and `GET …/interactions/{id}`, which
/// [fetches](LlmStart::fetched) a stored interaction or one that is made in the background.
///
/// An agent is among the parameters: it is no model.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, gemini_interactions::GeminiInteractions};
///
/// let matches = |method, path| GeminiInteractions.matches(&method, path);
/// assert!(matches(Method::POST, "/v1beta/interactions"));
/// assert!(matches(Method::GET, "/v1beta/interactions/v1_1"));
/// assert!(!matches(Method::POST, "/v1beta/interactions/v1_1/cancel"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct GeminiInteractions;

impl Format for GeminiInteractions {
    fn matches(&self, method: &Method, path: &str) -> bool {
        match *method {
            Method::POST => path.ends_with("/interactions"),
            // The other one is a socket.
            Method::GET => openai::is_fetch(path, "/interactions") && !path.ends_with("/live"),
            _ => false,
        }
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let provider = call.provider_or("gcp.gemini");
        if call.method == Method::GET {
            return openai::fetch(call, provider, "interactions");
        }
        call.members().start(
            provider,
            "interactions",
            &["system_instruction", "input"],
            |members| {
                let system =
                    members.value("system_instruction").map(|text| message("system", text));
                let input = match members.value("input") {
                    Some(text) if text.is_string() => vec![message("user", text)],
                    input => items(input),
                };
                system.into_iter().chain(input).collect()
            },
        )
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(match response.is_declared_whole() {
            true => InteractionsDecoder::whole(),
            false => InteractionsDecoder::new(),
        })
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        Gemini.error_body(status, message)
    }
}
