use http::{Method, StatusCode};
use serde_json::Value;

use super::{OpenAiResponsesDecoder, input};
use crate::{
    event::LlmStart,
    wire::{
        Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse, openai,
        request::{Members, Messages, message},
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
/// use tower_llm_callbacks::wire::{Format, openai_responses::OpenAiResponses};
///
/// let matches = |method, path| OpenAiResponses.matches(&method, path);
/// assert!(matches(Method::POST, "/v1/responses"));
/// assert!(matches(Method::GET, "/v1/responses/resp_1"));
/// assert!(!matches(Method::POST, "/v1/responses/resp_1/cancel"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiResponses;

/// Perplexity's path of responses, which other servers may have for anything.
const AGENT: &str = "/v1/agent";

impl Format for OpenAiResponses {
    fn matches(&self, method: &Method, path: &str) -> bool {
        match *method {
            Method::POST => {
                let ends = ["/responses", "/responses/compact", AGENT];
                ends.iter().any(|end| path.ends_with(end)) || openai::endpoint(path).is_some()
            }
            Method::GET => openai::is_fetch(path, "/responses"),
            _ => false,
        }
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        let path = request.path();
        if path.ends_with(AGENT) {
            return Call::new().only_if(request.members().has("input"));
        }
        if openai::endpoint(&path).is_none() {
            return Call::new();
        }
        Call::new().only_if(is_conversation(&request.members()))
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

/// Whether the input of an endpoint that may also embed texts is a conversation: a list of items, or a text that is to be
/// answered.
fn is_conversation(members: &Members) -> bool {
    match members.value("input") {
        Some(Value::Array(items)) => !items.is_empty() && items.iter().all(Value::is_object),
        Some(_) => members.has_any(&["instructions", "max_output_tokens", "stream", "tools"]),
        None => false,
    }
}
