use http::{Method, StatusCode};
use serde_json::Value;

use super::{
    decoder::OperationDecoder,
    inputs::{items, start},
};
use crate::{
    event::LlmStart,
    run::RunType,
    wire::{Decoder, Format, LlmHttpRequest, LlmHttpResponse, Match, gemini::Gemini},
};

/// Google's embeddings as a [`Format`]: `POST …/models/{model}:embedContent` and `:batchEmbedContents`, and Vertex AI's
/// `:predict` of embedding models.
///
/// Vertex AI reports the tokens of each text: the usage is their sum.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, Match, operations::GoogleEmbeddings};
///
/// let path = "/v1beta/models/gemini-embedding-001:batchEmbedContents";
/// assert_eq!(GoogleEmbeddings.matches(&Method::POST, path), Match::Yes);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct GoogleEmbeddings;

/// Google's pictures as a [`Format`]: `POST …/models/{model}:predict` of Imagen.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, Match, operations::Imagen};
///
/// let path = "/v1beta/models/imagen-4.0-generate-001:predict";
/// assert_eq!(Imagen.matches(&Method::POST, path), Match::Yes);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Imagen;

const INPUTS: [&str; 3] = ["requests", "content", "instances"];
/// What is content in each request or instance, or names the model again.
const CONTENT: [&str; 10] = [
    "content",
    "model",
    "title",
    "text",
    "prompt",
    "image",
    "video",
    "mask",
    "referenceImages",
    "negativePrompt",
];

impl Format for GoogleEmbeddings {
    fn matches(&self, method: &Method, path: &str) -> Match {
        let is_call = target(path).is_some_and(|(model, operation)| match operation {
            "embedContent" | "batchEmbedContents" => true,
            "predict" => model.contains("embedding"),
            _ => false,
        });
        Match::when(method == Method::POST && is_call)
    }

    fn run_type(&self) -> RunType {
        RunType::Embedding
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        begin(call, "embed_content")
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(OperationDecoder::new(response))
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        Gemini.error_body(status, message)
    }
}

impl Format for Imagen {
    fn matches(&self, method: &Method, path: &str) -> Match {
        let is_call = target(path).is_some_and(|(model, operation)| {
            operation == "predict"
                && (model.starts_with("imagen-") || model.starts_with("imagegen"))
        });
        Match::when(method == Method::POST && is_call)
    }

    fn run_type(&self) -> RunType {
        RunType::Image
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        begin(call, "generate_images")
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(OperationDecoder::new(response))
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        Gemini.error_body(status, message)
    }
}

/// Returns the model and the operation of a path.
fn target(path: &str) -> Option<(&str, &str)> {
    let (resource, operation) = path.rsplit_once(':')?;
    let (_, model) = resource.rsplit_once("/models/")?;
    (!model.is_empty()).then_some((model, operation))
}

fn begin(call: &LlmHttpRequest<'_>, api: &str) -> LlmStart {
    let members = call.members();
    let mut start = start(call, ("gcp.gemini", api), &members, &INPUTS, &INPUTS, |members| {
        let content = |mut item: Value| match item.get_mut("content") {
            // What it is for stands beside it, and is a parameter.
            Some(content) => content.take(),
            None => item,
        };
        items(members, &INPUTS).into_iter().map(content).collect()
    });
    // What is asked of the first item is asked of all.
    if let Some(first) = INPUTS.iter().find_map(|name| members.nested(name)) {
        start.params.extend(first.params(&CONTENT));
    }
    start.params.remove("parts");
    start.model = target(&call.path()).map(|(model, _)| model.into());
    start
}
