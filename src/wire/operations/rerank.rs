use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    decoder::OperationDecoder,
    inputs::{count, is_call, start},
};
use crate::{
    event::LlmStart,
    run::RunType,
    wire::{Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse},
};

/// The ranking of documents as a [`Format`]: `POST …/rerank` of Cohere, Jina, Voyage, OpenRouter, watsonx and servers,
/// DashScope's, that of Bedrock's agent runtime, and the `reranking` and `score` of servers.
///
/// The inputs are the documents. Without another provider in the URI, it is `cohere`, whose API most have.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, operations::Rerank};
///
/// assert!(Rerank.matches(&Method::POST, "/v2/rerank"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Rerank;

const ENDS: [&str; 5] =
    ["/rerank", "/reranking", "/text-rerank/text-rerank", "/v1/score", "/v2/score"];
const DOCUMENTS: [&str; 6] = ["documents", "texts", "inputs", "text_2", "items", "sources"];
const CONTENT: [&str; 10] = [
    "query",
    "queries",
    "text_1",
    "documents",
    "texts",
    "inputs",
    "text_2",
    "items",
    "sources",
    "input",
];
/// The member of a request to Bedrock's agent runtime that says which model ranks.
const CONFIGURATION: &str = "rerankingConfiguration";

impl Format for Rerank {
    fn matches(&self, method: &Method, path: &str) -> bool {
        is_call(method, path, &ENDS) || method == Method::POST && path == "/score"
    }

    fn describe(&self, _request: &LlmHttpRequest<'_>) -> Call {
        Call::of(RunType::Rerank)
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let members = call.members();
        let of_bedrock = members.object(CONFIGURATION);
        let provider = if of_bedrock.is_some() { "aws.bedrock" } else { "cohere" };
        let mut start =
            start(call, (provider, "rerank"), &members, &CONTENT, &DOCUMENTS, |members| {
                // DashScope has them within the input.
                let input = members.nested("input").unwrap_or_else(|| members.clone());
                let sent = |name: &str| Some((name.to_owned(), input.value(name)?));
                let found: Map<String, Value> =
                    CONTENT.iter().filter_map(|name| sent(name)).collect();
                vec![found.into()]
            });
        let model = of_bedrock.and_then(|it| {
            let configuration = it.object("bedrockRerankingConfiguration")?;
            configuration.object("modelConfiguration")?.text("modelArn")
        });
        start.model = start.model.or(model.map(Into::into));
        // vLLM's documents of several media are in an object.
        let parts = members.object("documents").and_then(|it| count(&it, &["content"]));
        start.inputs =
            parts.or(start.inputs).or_else(|| count(&members.nested("input")?, &DOCUMENTS));
        start
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(OperationDecoder::new(response))
    }

    fn error_body(&self, _status: StatusCode, message: &str) -> Vec<u8> {
        json!({ "message": message }).to_string().into_bytes()
    }
}
