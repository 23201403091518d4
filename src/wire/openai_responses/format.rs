use http::{Method, StatusCode};

use super::{OpenAiResponsesDecoder, input};
use crate::{
    event::LlmStart,
    wire::{Decoder, Format, LlmHttpRequest, LlmHttpResponse, Match, openai, request::message},
};

/// OpenAI's Responses API as a [`Format`]: `POST …/responses`, and `GET …/responses/{id}`, which
/// [fetches](LlmStart::fetched) a stored answer or one that is made in the background.
///
/// The items of `input` are the messages of the prompt, calls and reasoning included. Tools that travel as an item are
/// among the parameters, as `tools`, and items that configure the call are left out.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, Match, openai_responses::OpenAiResponses};
///
/// let matches = |method, path| OpenAiResponses.matches(&method, path);
/// assert_eq!(matches(Method::POST, "/v1/responses"), Match::Yes);
/// assert_eq!(matches(Method::GET, "/v1/responses/resp_1"), Match::Yes);
/// assert_eq!(matches(Method::POST, "/v1/responses/resp_1/cancel"), Match::No);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiResponses;

impl Format for OpenAiResponses {
    fn matches(&self, method: &Method, path: &str) -> Match {
        Match::when(match *method {
            Method::POST => path.ends_with("/responses"),
            Method::GET => openai::is_fetch(path, "/responses"),
            _ => false,
        })
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        if call.method == Method::GET {
            return openai::fetch(call, "responses");
        }
        let provider = call.provider_or("openai");
        let members = call.members();
        let mut start =
            members.start(provider, "responses", &["instructions", "input"], |members| {
                let system = members.value("instructions").map(|text| message("system", text));
                system.into_iter().chain(input::conversation(members)).collect()
            });
        input::add_tools(&members, &mut start.params);
        if start.model.is_none() {
            start.model = openai::model_of(&call.path()).map(Into::into);
        }
        start
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        let decoder = match response.is_declared_whole() {
            true => OpenAiResponsesDecoder::whole(),
            false => OpenAiResponsesDecoder::new(),
        };
        Box::new(if response.native { decoder.with_native() } else { decoder })
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}
