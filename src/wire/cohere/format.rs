use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::CohereDecoder;
use crate::{
    event::LlmStart,
    wire::{
        Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse,
        request::{Members, items, message},
    },
};

/// Cohere's chat as a [`Format`]: `POST …/v2/chat`, and `POST …/v1/chat` with a `message` in its body. Writer has its chat at
/// the latter path, too, with `messages`: those are calls of [`OpenAiChat`](crate::wire::openai_chat::OpenAiChat).
///
/// In version 1, `preamble`, `chat_history` and `message` are the messages of the prompt.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, cohere::CohereChat};
///
/// assert!(CohereChat.matches(&Method::POST, "/v2/chat"));
/// assert!(CohereChat.matches(&Method::POST, "/v1/chat"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CohereChat;

/// Cohere's legacy `generate` as a [`Format`]: `POST …/v1/generate` with a `prompt`.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, cohere::CohereGenerate};
///
/// assert!(CohereGenerate.matches(&Method::POST, "/v1/generate"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CohereGenerate;

/// The path of version 1, which Writer's chat has, too.
const V1: &str = "/v1/chat";

impl Format for CohereChat {
    fn matches(&self, method: &Method, path: &str) -> bool {
        method == Method::POST && (path.ends_with("/v2/chat") || path.ends_with(V1))
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        Call::new().only_if(!request.path().ends_with(V1) || request.members().has("message"))
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let members = call.members();
        let provider = call.provider_or("cohere");
        members.start(
            provider,
            "chat",
            &["messages", "preamble", "chat_history", "message"],
            prompt,
        )
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        decoder(response)
    }

    fn error_body(&self, _status: StatusCode, message: &str) -> Vec<u8> {
        error_body(message)
    }
}

impl Format for CohereGenerate {
    fn matches(&self, method: &Method, path: &str) -> bool {
        method == Method::POST && path.ends_with("/v1/generate")
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        Call::new().only_if(request.members().has("prompt"))
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let provider = call.provider_or("cohere");
        call.members().start(provider, "generate", &["prompt"], |members| {
            members.value("prompt").map(|prompt| message("user", prompt)).into_iter().collect()
        })
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        decoder(response)
    }

    fn error_body(&self, _status: StatusCode, message: &str) -> Vec<u8> {
        error_body(message)
    }
}

fn prompt(members: &Members) -> Vec<Value> {
    let one = |name, role| members.value(name).map(|text| message(role, text));
    let history = items(members.value("chat_history").or_else(|| members.value("messages")));
    one("preamble", "system").into_iter().chain(history).chain(one("message", "user")).collect()
}

fn decoder(response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
    Box::new(match response.is_declared_whole() {
        true => CohereDecoder::whole(),
        false => CohereDecoder::new(),
    })
}

fn error_body(message: &str) -> Vec<u8> {
    json!({ "message": message }).to_string().into_bytes()
}
