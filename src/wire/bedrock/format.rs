use http::{Method, StatusCode};

use super::{
    ConverseDecoder, InvokeDecoder, error, invoke_request,
    target::{Operation, Target},
};
use crate::{
    event::{LlmStart, ProviderError},
    run::RunType,
    wire::{
        Call, Decoder, Format, LlmHttpRequest, LlmHttpResponse,
        request::{Members, items, message},
    },
};

const PROVIDER: &str = "aws.bedrock";

/// Amazon Bedrock's `Converse` as a [`Format`]: `POST …/model/{modelId}/converse` and `…/converse-stream`.
///
/// The model is the one in the path, decoded. It may be an ARN.
///
/// ```
/// use bytes::Bytes;
/// use http::{HeaderMap, Method, Uri};
/// use tower_llm_callbacks::wire::{Format, LlmHttpRequest, bedrock::BedrockConverse};
///
/// let uri = Uri::from_static("/model/amazon.nova-lite-v1%3A0/converse-stream");
/// let body = Bytes::from_static(br#"{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}"#);
/// let headers = HeaderMap::new();
/// let call = LlmHttpRequest::new(&Method::POST, &uri, &headers, &body);
/// let start = BedrockConverse.start(&call);
/// assert_eq!((&*start.provider, &*start.api), ("aws.bedrock", "converse"));
/// assert_eq!(start.model.as_deref(), Some("amazon.nova-lite-v1:0"));
/// assert!(start.stream);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct BedrockConverse;

impl Format for BedrockConverse {
    fn matches(&self, method: &Method, path: &str) -> bool {
        let target = Target::parse(path);
        let is_call = target.is_some_and(|target| target.operation == Operation::Converse);
        method == Method::POST && is_call
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        start(call, "converse", &["system", "messages"], |members| {
            let system = members.value("system").map(|system| message("system", system));
            system.into_iter().chain(items(members.value("messages"))).collect()
        })
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        let decoder = ConverseDecoder::of(response);
        Box::new(if response.native { decoder.with_native() } else { decoder })
    }

    fn error_response(&self, response: &LlmHttpResponse<'_>, body: &[u8]) -> ProviderError {
        error::read(response, body)
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        error::body(status, message)
    }
}

/// Amazon Bedrock's `InvokeModel` as a [`Format`]: `POST …/model/{modelId}/invoke` and `…/invoke-with-response-stream`.
///
/// The type of the run is that which the model's name says: `embed`, `rerank` … An ARN may hide the name: then the members of the
/// body decide. What neither of them says is a call of a language model; its answer is read for what it is.
///
/// ```
/// use http::Method;
/// use tower_llm_callbacks::wire::{Format, bedrock::BedrockInvoke};
///
/// assert!(BedrockInvoke.matches(&Method::POST, "/model/amazon.titan-embed-text-v2:0/invoke"));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct BedrockInvoke;

impl Format for BedrockInvoke {
    fn matches(&self, method: &Method, path: &str) -> bool {
        let target = Target::parse(path).filter(|it| it.operation == Operation::Invoke);
        method == Method::POST && target.is_some()
    }

    fn describe(&self, request: &LlmHttpRequest<'_>) -> Call {
        Call::of(invoked(request))
    }

    fn start(&self, call: &LlmHttpRequest<'_>) -> LlmStart {
        let start = start(call, "invoke", &invoke_request::PROMPT, invoke_request::messages);
        match invoked(call) {
            RunType::Llm => start,
            _ => start.inputs(invoke_request::inputs(&call.members())),
        }
    }

    fn decoder(&self, response: &LlmHttpResponse<'_>) -> Box<dyn Decoder> {
        Box::new(InvokeDecoder::of(response))
    }

    fn error_response(&self, response: &LlmHttpResponse<'_>, body: &[u8]) -> ProviderError {
        error::read(response, body)
    }

    fn error_body(&self, status: StatusCode, message: &str) -> Vec<u8> {
        error::body(status, message)
    }
}

/// Returns the type of the run of an invocation.
fn invoked(call: &LlmHttpRequest<'_>) -> RunType {
    let path = call.path();
    let named = Target::parse(&path).and_then(|target| target.run_type());
    named.unwrap_or_else(|| invoke_request::run_type(&call.members()))
}

fn start(
    call: &LlmHttpRequest<'_>,
    api: &str,
    prompt: &'static [&'static str],
    messages: fn(&Members) -> Vec<serde_json::Value>,
) -> LlmStart {
    let start = call.members().start(call.provider_or(PROVIDER), api, prompt, messages);
    // The path alone says what is called, as far as it is Bedrock's.
    match Target::parse(&call.path()) {
        Some(target) => start.model(target.model).stream(target.streamed),
        None => start,
    }
}
