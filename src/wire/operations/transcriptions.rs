use http::{Method, StatusCode};

use super::{
    inputs::{is_call, items, start},
    multipart,
    transcript::{AnyText, PlainText, Transcription},
};
use crate::{
    event::LlmStart,
    run::RunType,
    wire::{
        Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse, body_decoder::BodyDecoder, openai,
    },
};

/// OpenAI's transcriptions and translations as a [`Format`]: `POST …/audio/transcriptions` and `…/audio/translations`.
///
/// The text is the text of the answer: token events where it is streamed. Plain text and subtitles are kept as they are.
/// Of the file in the request, its type and size are the input.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, operations::Transcriptions};
///
/// assert!(Transcriptions.matches(&Method::POST, "/v1/audio/translations"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Transcriptions;

const CONTENT: [&str; 5] = ["file", "file_url", "url", "input_audio", "prompt"];

impl Format for Transcriptions {
    fn matches(&self, method: &Method, path: &str) -> bool {
        is_call(method, path, &["/audio/transcriptions", "/audio/translations"])
    }

    fn describe(&self, _request: &LlmHttpRequest<'_>) -> Call {
        Call::of(RunType::Audio)
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let api = match call.path().ends_with("translations") {
            true => "audio_translations",
            false => "audio_transcriptions",
        };
        let members = multipart::members(call);
        start(call, ("openai", api), &members, &CONTENT, &CONTENT[..4], |members| {
            CONTENT.iter().flat_map(|name| items(members, &[name])).collect()
        })
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        let kind = response.content_type();
        let kind = kind.as_deref().unwrap_or_default();
        let is_plain = match response.request {
            Some(request) => {
                let format = request.params.get("response_format").and_then(|it| it.as_str());
                format.is_some_and(|format| matches!(format, "text" | "srt" | "vtt"))
            }
            None => matches!(kind, "text/plain" | "text/vtt" | "text/srt" | "application/x-subrip"),
        };
        match kind {
            "text/event-stream" => Box::new(BodyDecoder::new(Transcription::default())),
            // Of a transcript, or of anything else: whisper.cpp calls its transcripts HTML.
            kind if kind == "text/html" || !is_plain && kind.starts_with("text/") => {
                Box::new(AnyText::default())
            }
            _ if is_plain => Box::new(PlainText::default()),
            _ => Box::new(BodyDecoder::new(Transcription::default())),
        }
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}
