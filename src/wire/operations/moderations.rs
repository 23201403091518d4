use http::{Method, StatusCode};

use super::{
    decoder::OperationDecoder,
    inputs::{is_call, items, start},
};
use crate::{
    event::LlmStart,
    run::RunType,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse, openai},
};

/// OpenAI's Moderations as a [`Format`]: `POST …/moderations`, and those of chats at Mistral.
///
/// The outputs are the verdicts, and [`flagged`](crate::LlmResult::flagged) says what they are. Parts of one input, such
/// as a text and a picture, count as one.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, operations::Moderations};
///
/// assert!(Moderations.matches(&Method::POST, "/v1/moderations"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Moderations;

impl Format for Moderations {
    fn matches(&self, method: &Method, path: &str) -> bool {
        is_call(method, path, &["/moderations"])
    }

    fn describe(&self, _request: &LlmHttpRequest<'_>) -> Call {
        Call::of(RunType::Moderation)
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let members = call.members();
        let whose = ("openai", "moderations");
        let start = start(call, whose, &members, &["input"], &["input"], |members| {
            items(members, &["input"])
        });
        match members.nested("input") {
            Some(_) => start.inputs(1),
            None => start,
        }
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(OperationDecoder::new(response))
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}
