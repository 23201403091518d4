use http::{Method, StatusCode};

use super::{
    decoder::OperationDecoder,
    inputs::{is_call, items, start},
    multipart,
};
use crate::{
    event::LlmStart,
    run::RunType,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse, json::Count, openai},
};

/// OpenAI's Images as a [`Format`]: `POST …/images/generations`, `…/images/edits` and `…/images/variations`, in JSON or as
/// a form, streamed or not.
///
/// The inputs are the pictures that are sent, or the prompt alone; the outputs are the pictures that came in full.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, operations::Images};
///
/// assert!(Images.matches(&Method::POST, "/v1/images/edits"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Images;

const ENDS: [&str; 3] = ["/images/generations", "/images/edits", "/images/variations"];
const CONTENT: [&str; 4] = ["prompt", "image", "images", "mask"];

impl Format for Images {
    fn matches(&self, method: &Method, path: &str) -> bool {
        is_call(method, path, &ENDS)
    }

    fn describe(&self, _request: &LlmHttpRequest<'_>) -> Call {
        Call::of(RunType::Image)
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let path = call.path();
        let api = match path.rsplit('/').next() {
            Some("edits") => "images_edits",
            Some("variations") => "images_variations",
            _ => "images_generations",
        };
        let inputs = ["image", "images", "prompt"];
        let members = multipart::members(call);
        start(call, ("openai", api), &members, &CONTENT, &inputs, |members| {
            CONTENT.iter().flat_map(|name| items(members, &[name])).collect()
        })
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        let asked = response.request.and_then(|request| Count::of(request.params.get("n")?));
        Box::new(OperationDecoder::streamed(response, asked.unwrap_or(1), "output_image_tokens"))
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}
