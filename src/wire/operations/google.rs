use http::{Method, StatusCode};
use serde_json::Value;

use super::{
    decoder::OperationDecoder,
    inputs::{items, start},
};
use crate::{
    event::LlmStart,
    run::RunType,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse, gemini::Gemini},
};

/// Google's embeddings as a [`Format`]: `POST …/models/{model}:embedContent` and `:batchEmbedContents`, and Vertex AI's
/// `:predict` of embedding models, also of tuned ones.
///
/// Vertex AI reports the tokens of each text: the usage is their sum.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, operations::GoogleEmbeddings};
///
/// let path = "/v1beta/models/gemini-embedding-001:batchEmbedContents";
/// assert!(GoogleEmbeddings.matches(&Method::POST, path));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct GoogleEmbeddings;

/// Google's pictures as a [`Format`]: `POST …/models/{model}:predict` of Imagen, and of tuned models.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, operations::Imagen};
///
/// let path = "/v1beta/models/imagen-4.0-generate-001:predict";
/// assert!(Imagen.matches(&Method::POST, path));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Imagen;

const INPUTS: [&str; 3] = ["requests", "content", "instances"];
/// What only embedding models are asked, in an instance or a parameter.
const EMBEDS: [&str; 4] = ["task_type", "taskType", "outputDimensionality", "autoTruncate"];
/// What only models of pictures are asked.
const IMAGINES: [&str; 4] = ["sampleCount", "aspectRatio", "sampleImageSize", "safetyFilterLevel"];
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
    fn matches(&self, method: &Method, path: &str) -> bool {
        let is_call = target(path).is_some_and(|(_, operation)| {
            matches!(operation, "embedContent" | "batchEmbedContents" | "predict")
        });
        method == Method::POST && is_call
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        Call::of(RunType::Embedding)
            .only_if(predicts(request, EMBEDS, |model| model.contains("embedding")))
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
    fn matches(&self, method: &Method, path: &str) -> bool {
        let is_call = target(path).is_some_and(|(_, operation)| operation == "predict");
        method == Method::POST && is_call
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        let is_imagen = |model: &str| model.starts_with("imagen-") || model.starts_with("imagegen");
        Call::of(RunType::Image).only_if(predicts(request, IMAGINES, is_imagen))
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        begin(call, "generate_images")
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(OperationDecoder::filtered(response))
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        Gemini.error_body(status, message)
    }
}

/// Returns the model and the operation of a path.
fn target(path: &str) -> Option<(&str, &str)> {
    let (resource, operation) = path.rsplit_once(':')?;
    let after = |collection| Some(resource.rsplit_once(collection)?.1);
    let model = after("/models/").or_else(|| after("/endpoints/"))?;
    (!model.is_empty()).then_some((model, operation))
}

/// Whether a request is for a kind of models: by the name of the model or, of a tuned one, whose endpoint has a number, by what
/// only such models are asked.
fn predicts(request: &LlmHttpRequest<'_>, asked: [&str; 4], is_named: fn(&str) -> bool) -> bool {
    let path = request.path();
    let Some((model, "predict")) = target(&path) else { return true };
    is_named(model) || {
        let members = request.members();
        let parts = [members.nested("instances"), members.object("parameters")];
        parts.into_iter().flatten().any(|part| part.has_any(&asked))
    }
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
