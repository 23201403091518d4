use http::{Method, StatusCode};
use serde_json::Value;

use super::{
    decoder::OperationDecoder,
    inputs::{is_call, items, start},
};
use crate::{
    event::LlmStart,
    run::RunType,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse, openai, request::Members},
};

/// OpenAI's Embeddings as a [`Format`]: `POST …/embeddings`, as it is at Azure, Mistral, Voyage, Jina, watsonx, Ollama and
/// most servers.
///
/// So are Voyage's multimodal and contextualized embeddings, DashScope's, and the `embed` and `embedding` of servers, and
/// calls of endpoints of Databricks whose `input` is a text, or texts. The
/// dimensions are those of the vectors: of Base64 by its length, of packed bits eight for each number, if the request
/// asks for these.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, operations::Embeddings};
///
/// assert!(Embeddings.matches(&Method::POST, "/v1/embeddings"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Embeddings;

const ENDS: [&str; 6] = [
    "/embeddings",
    "/multimodalembeddings",
    "/contextualizedembeddings",
    "/text-embedding/text-embedding",
    "/multimodal-embedding/multimodal-embedding",
    "/embed",
];
/// The names of the inputs: OpenAI's, watsonx's and Voyage's, llama.cpp's, vLLM's, DashScope's.
const INPUTS: [&str; 6] = ["input", "inputs", "content", "messages", "texts", "contents"];
/// Those within the input.
const NESTED: [&str; 2] = ["texts", "contents"];

impl Format for Embeddings {
    fn matches(&self, method: &Method, path: &str) -> bool {
        let is_other = path == "/embedding" || openai::endpoint(path).is_some();
        is_call(method, path, &ENDS) || method == Method::POST && is_other
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        // What an endpoint of Databricks serves is known by the body alone.
        let is_endpoint = openai::endpoint(&request.path()).is_some();
        Call::of(RunType::Embedding).only_if(!is_endpoint || embeds(&request.members()))
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let members = call.members();
        let whose = ("openai", "embeddings");
        // DashScope has the texts within the input.
        if let Some(input) = members.nested("input").filter(|it| it.has_any(&NESTED)) {
            let mut outer = start(call, whose, &members, &INPUTS, &[], |_| Vec::new());
            let inner = start(call, whose, &input, &INPUTS, &NESTED, |input| items(input, &NESTED));
            (outer.inputs, outer.messages) = (inner.inputs, inner.messages);
            return outer;
        }
        let start =
            start(call, whose, &members, &INPUTS, &INPUTS, |members| items(members, &INPUTS));
        // A conversation is one.
        match members.has("messages") && !members.has_any(&INPUTS[..3]) {
            true => start.inputs(1),
            false => start,
        }
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(OperationDecoder::new(response))
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}

/// Whether the body of a request that may be a chat, too, has nothing but texts, or tokens.
fn embeds(members: &Members) -> bool {
    let is_object = |item: &Value| item.is_object();
    members.has("input")
        && !members.has_any(&["messages", "prompt"])
        && !items(members, &INPUTS[..1]).iter().any(is_object)
}
