use http::{Method, StatusCode};

use super::{
    decoder::{OperationDecoder, Sound},
    inputs::{is_call, items, start},
};
use crate::{
    event::LlmStart,
    run::RunType,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse, openai},
};

/// OpenAI's speech as a [`Format`]: `POST …/audio/speech`. The answer is sound, or events of it.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, operations::Speech};
///
/// assert!(Speech.matches(&Method::POST, "/v1/audio/speech"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Speech;

const CONTENT: [&str; 2] = ["input", "instructions"];

impl Format for Speech {
    fn matches(&self, method: &Method, path: &str) -> bool {
        is_call(method, path, &["/audio/speech"])
    }

    fn describe(&self, _request: &LlmHttpRequest<'_>) -> Call {
        Call::of(RunType::Audio)
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let members = call.members();
        let whose = ("openai", "audio_speech");
        let start = start(call, whose, &members, &CONTENT, &CONTENT[..1], |members| {
            CONTENT.iter().flat_map(|name| items(members, &[name])).collect()
        });
        let streamed = start.stream || members.text("stream_format").is_some_and(|it| it == "sse");
        start.stream(streamed)
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        let kind = response.content_type();
        let is_text = kind.is_some_and(|kind| kind.starts_with("text/") || kind.ends_with("json"));
        match is_text {
            true => Box::new(OperationDecoder::streamed(response, 1, "output_audio_tokens")),
            false => Box::new(Sound::default()),
        }
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}
