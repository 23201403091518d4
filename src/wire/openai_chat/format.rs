use http::{Method, StatusCode};
use serde_json::Value;

use super::OpenAiChatDecoder;
use crate::{
    event::LlmStart,
    wire::{
        Decoder, Format, LlmHttpRequest, LlmHttpResponse, Match, openai,
        request::{Members, items, message},
    },
};

/// OpenAI's Chat Completions as a [`Format`]: `POST …/chat/completions` of any server.
///
/// The provider is detected from host and path and has its name in OpenTelemetry's GenAI conventions; otherwise
/// it is `openai`.
///
/// ```
/// use bytes::Bytes;
/// use http::{HeaderMap, Method, Uri};
/// use tower_llm_callbacks::wire::{Format, LlmHttpRequest, openai_chat::OpenAiChat};
///
/// let uri = Uri::from_static("https://api.groq.com/openai/v1/chat/completions");
/// let body = Bytes::from_static(br#"{"model":"m","messages":[],"stream":true}"#);
/// let start = OpenAiChat.start(&LlmHttpRequest::new(&Method::POST, &uri, &HeaderMap::new(), &body));
/// assert_eq!(&*start.provider, "groq");
/// assert_eq!(start.model.as_deref(), Some("m"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiChat;

/// OpenAI's legacy Completions as a [`Format`]: `POST …/completions`, but not `…/chat/completions`.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, Match, openai_chat::OpenAiCompletions};
///
/// let matches = |path| OpenAiCompletions.matches(&Method::POST, path);
/// assert_eq!(matches("/v1/completions"), Match::Yes);
/// assert_eq!(matches("/v1/chat/completions"), Match::No);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiCompletions;

impl Format for OpenAiChat {
    fn matches(&self, method: &Method, path: &str) -> Match {
        Match::when(method == Method::POST && is_chat(path))
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        start(call, "chat_completions", &["messages"], |members| items(members.value("messages")))
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        decoder(response)
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}

impl Format for OpenAiCompletions {
    fn matches(&self, method: &Method, path: &str) -> Match {
        let is_legacy = path.ends_with("/completions") && !is_chat(path);
        Match::when(method == Method::POST && is_legacy)
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        start(call, "completions", &["prompt", "suffix"], |members| {
            let suffix = members.value("suffix");
            let prompt = |text: Value| {
                let mut prompt = message("user", text);
                if let Some(suffix) = &suffix {
                    prompt["suffix"] = suffix.clone();
                }
                prompt
            };
            match members.value("prompt") {
                // An array of numbers is one prompt, in tokens.
                Some(Value::Array(all)) if !all.iter().all(Value::is_number) => {
                    all.into_iter().map(prompt).collect()
                }
                one => one.into_iter().map(prompt).collect(),
            }
        })
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        decoder(response)
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}

fn is_chat(path: &str) -> bool {
    path.ends_with("/chat/completions")
}

fn start(
    call: &LlmHttpRequest<'_>,
    api: &str,
    prompt: &'static [&'static str],
    messages: impl FnOnce(&Members) -> Vec<Value> + Send + 'static,
) -> LlmStart {
    let mut start = call.members().start(openai::provider(call), api, prompt, messages);
    if start.model.is_none() {
        start.model = openai::deployment(call.uri.path()).map(Into::into);
    }
    start
}

fn decoder(response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
    Box::new(match response.is_declared_whole() {
        true => OpenAiChatDecoder::whole(),
        false => OpenAiChatDecoder::new(),
    })
}
