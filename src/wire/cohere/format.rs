use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::CohereDecoder;
use crate::{
    event::LlmStart,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse, Match,
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
/// use tower_llm_callbacks::wire::{Format, Match, cohere::CohereChat};
///
/// assert_eq!(CohereChat.matches(&Method::POST, "/v2/chat"), Match::Yes);
/// assert_eq!(CohereChat.matches(&Method::POST, "/v1/chat"), Match::ByBody);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CohereChat;

/// Cohere's legacy `generate` as a [`Format`]: `POST …/v1/generate` with a `prompt`.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, Match, cohere::CohereGenerate};
///
/// assert_eq!(CohereGenerate.matches(&Method::POST, "/v1/generate"), Match::ByBody);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CohereGenerate;

impl Format for CohereChat {
    fn matches(&self, method: &Method, path: &str) -> Match {
        match *method == Method::POST {
            true if path.ends_with("/v2/chat") => Match::Yes,
            true if path.ends_with("/v1/chat") => Match::ByBody,
            _ => Match::No,
        }
    }

    fn reads(&self, call: &LlmHttpRequest<'_>) -> bool {
        call.members().has("message")
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
    fn matches(&self, method: &Method, path: &str) -> Match {
        match method == Method::POST && path.ends_with("/v1/generate") {
            true => Match::ByBody,
            false => Match::No,
        }
    }

    fn reads(&self, call: &LlmHttpRequest<'_>) -> bool {
        call.members().has("prompt")
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
