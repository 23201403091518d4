use http::{Method, StatusCode};
use serde_json::json;

use super::{
    decoder::OperationDecoder,
    inputs::{is_call, items, start},
};
use crate::{
    event::LlmStart,
    run::RunType,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse},
};

/// Cohere's Embed as a [`Format`]: `POST …/v2/embed` and `…/v1/embed`.
///
/// Vectors of several types count once. The usage is what the model has read, if the answer says so, or else what is
/// billed.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, operations::CohereEmbed};
///
/// assert!(CohereEmbed.matches(&Method::POST, "/v2/embed"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CohereEmbed;

const INPUTS: [&str; 3] = ["texts", "images", "inputs"];

impl Format for CohereEmbed {
    fn matches(&self, method: &Method, path: &str) -> bool {
        is_call(method, path, &["/v2/embed", "/v1/embed"])
    }

    fn describe(&self, _request: &LlmHttpRequest<'_>) -> Call {
        Call::of(RunType::Embedding)
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let whose = ("cohere", "embed");
        start(call, whose, &call.members(), &INPUTS, &INPUTS, |members| items(members, &INPUTS))
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(OperationDecoder::new(response))
    }

    fn error_body(&self, _status: StatusCode, message: &str) -> Vec<u8> {
        json!({ "message": message }).to_string().into_bytes()
    }
}
