use http::{Method, StatusCode};
use serde_json::Value;

use super::{OpenAiResponsesDecoder, input};
use crate::{
    event::LlmStart,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse, Match, openai,
        request::{Messages, items, message},
    },
};

/// OpenAI's Responses API as a [`Format`]: `POST …/responses`, and `POST …/responses/compact`, whose answer has no text.
/// `GET …/responses/{id}` [fetches](LlmStart::fetched) a stored answer or one that is made in the background. `POST …/v1/agent`
/// with an `input` (Perplexity) and an endpoint of Databricks whose `input` is a list of messages have this form, too.
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

/// Perplexity's path of responses, which other servers may have for anything.
const AGENT: &str = "/v1/agent";

impl Format for OpenAiResponses {
    fn matches(&self, method: &Method, path: &str) -> Match {
        Match::when(match *method {
            Method::POST if openai::endpoint(path).is_some() || path.ends_with(AGENT) => {
                return Match::ByBody;
            }
            Method::POST => path.ends_with("/responses") || path.ends_with("/responses/compact"),
            Method::GET => openai::is_fetch(path, "/responses"),
            _ => false,
        })
    }

    fn reads(&self, call: &LlmHttpRequest<'_>) -> bool {
        let members = call.members();
        if call.path().ends_with(AGENT) {
            return members.has("input");
        }
        // A list of texts is embedded.
        let input = items(members.value("input"));
        !input.is_empty() && input.iter().all(Value::is_object)
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        if call.method == Method::GET {
            return openai::fetch(call, call.provider_or("openai"), "responses");
        }
        let provider = call.provider_or("openai");
        let members = call.members();
        let mut start =
            members.start(provider, "responses", &["instructions", "input"], |members| {
                let system = members.value("instructions").map(|text| message("system", text));
                system.into_iter().chain(input::conversation(members)).map(Messages::One).collect()
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
