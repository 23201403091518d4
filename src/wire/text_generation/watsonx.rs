use http::{Method, StatusCode};
use serde_json::json;

use super::format::{decoder, text_start};
use crate::{
    event::LlmStart,
    wire::{Decoder, Format, LlmHttpRequest, LlmHttpResponse, openai},
};

/// IBM watsonx.ai's text generation as a [`Format`]: `POST …/ml/v1/text/generation` and `…/generation_stream`, also of a
/// deployment. Its chat is one of [`OpenAiChat`](crate::wire::openai_chat::OpenAiChat).
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, text_generation::WatsonxGeneration};
///
/// let matches = |path| WatsonxGeneration.matches(&Method::POST, path);
/// assert!(matches("/ml/v1/text/generation"));
/// assert!(!matches("/ml/v1/text/chat"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct WatsonxGeneration;

impl Format for WatsonxGeneration {
    fn matches(&self, method: &Method, path: &str) -> bool {
        let ends = ["/text/generation", "/text/generation_stream"];
        let is_path = openai::is_watsonx(path) && ends.iter().any(|end| path.ends_with(end));
        method == Method::POST && is_path
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let path = call.path();
        let start = text_start(call, call.provider_or("ibm.watsonx.ai"), "generation", &["input"]);
        let mut start = start.stream(path.ends_with("_stream"));
        start.model = call.members().text("model_id").map(Into::into);
        if start.model.is_none() {
            start.model = openai::model_of(&path).map(Into::into);
        }
        start
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        decoder(response)
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        let error = json!({"code": "request_refused", "message": message});
        json!({"errors": [error], "status_code": status.as_u16()}).to_string().into_bytes()
    }
}
