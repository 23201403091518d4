use http::{Method, StatusCode};
use serde_json::Value;

use super::OpenAiResponsesDecoder;
use crate::{
    event::{LlmStart, Prompt},
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse, Match, openai,
        request::{items, message},
    },
};

/// OpenAI's Responses API as a [`Format`]: `POST …/responses`, and `GET …/responses/{id}` if the answer is
/// streamed.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, Match, openai_responses::OpenAiResponses};
///
/// let matches = |method, path| OpenAiResponses.matches(&method, path);
/// assert_eq!(matches(Method::POST, "/v1/responses"), Match::Yes);
/// assert_eq!(matches(Method::GET, "/v1/responses/resp_1"), Match::IfStreamed);
/// assert_eq!(matches(Method::POST, "/v1/responses/resp_1/cancel"), Match::No);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiResponses;

impl Format for OpenAiResponses {
    fn matches(&self, method: &Method, path: &str) -> Match {
        let retrieved = || {
            let (before, id) = path.rsplit_once('/')?;
            Some(!id.is_empty() && before.ends_with("/responses"))
        };
        match *method {
            Method::POST if path.ends_with("/responses") => Match::Yes,
            Method::GET if retrieved() == Some(true) => Match::IfStreamed,
            _ => Match::No,
        }
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let provider = openai::provider(call);
        if call.method == Method::GET {
            // The request that created the answer is unknown.
            return LlmStart::new(provider, "responses").messages(Prompt::none());
        }
        call.members().start(provider, "responses", &["instructions", "input"], |members| {
            let instructions = members.value("instructions").map(|text| message("system", text));
            let input = match members.value("input") {
                Some(Value::String(text)) => vec![message("user", text)],
                input => items(input),
            };
            instructions.into_iter().chain(input).collect()
        })
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(match response.is_declared_whole() {
            true => OpenAiResponsesDecoder::whole(),
            false => OpenAiResponsesDecoder::new(),
        })
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}
