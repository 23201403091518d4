use http::{Method, StatusCode};

use super::{
    decoder::OperationDecoder,
    inputs::{is_call, items, start},
};
use crate::{
    event::LlmStart,
    run::RunType,
    wire::{Decoder, Format, LlmHttpRequest, LlmHttpResponse, Match, openai},
};

/// OpenAI's Embeddings as a [`Format`]: `POST …/embeddings`, as it is at Azure, Mistral, Voyage, Jina, watsonx, Ollama and
/// most servers.
///
/// So are Voyage's multimodal and contextualized embeddings, DashScope's, and the `embed` and `embedding` of servers. The
/// dimensions are those of the vectors: of Base64 by its length, of packed bits eight for each number, if the request
/// asks for these.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::{RunType, wire::{Format, Match, operations::Embeddings}};
///
/// assert_eq!(Embeddings.matches(&Method::POST, "/v1/embeddings"), Match::Yes);
/// assert_eq!(Embeddings.run_type(), RunType::Embedding);
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
/// The names of the inputs: OpenAI's, watsonx's and Voyage's, llama.cpp's, DashScope's.
const INPUTS: [&str; 5] = ["input", "inputs", "content", "texts", "contents"];

impl Format for Embeddings {
    fn matches(&self, method: &Method, path: &str) -> Match {
        match is_call(method, path, &ENDS) {
            Match::No if path == "/embedding" => Match::when(method == Method::POST),
            found => found,
        }
    }

    fn run_type(&self) -> RunType {
        RunType::Embedding
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let members = call.members();
        let whose = ("openai", "embeddings");
        // DashScope has the texts within the input.
        if let Some(input) = members.nested("input").filter(|it| it.has_any(&INPUTS[3..])) {
            let mut outer = start(call, whose, &members, &INPUTS, &[], |_| Vec::new());
            let inner = start(call, whose, &input, &INPUTS, &INPUTS[3..], |input| {
                items(input, &INPUTS[3..])
            });
            (outer.inputs, outer.messages) = (inner.inputs, inner.messages);
            return outer;
        }
        start(call, whose, &members, &INPUTS, &INPUTS, |members| items(members, &INPUTS))
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(OperationDecoder::new(response))
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        openai::error_body(status, message)
    }
}
