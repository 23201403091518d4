//! What OpenAI's APIs have in common: the models that paths name and the shape of errors.

use http::StatusCode;
use serde_json::json;

use super::{LlmHttpRequest, vertex::RawPredict};
use crate::event::LlmStart;

/// Returns the model that a path names: a deployment on Azure, also behind Cloudflare's gateway, or on watsonx, an engine of
/// OpenAI's first API, an endpoint of Databricks, a model on Vertex AI.
pub(in crate::wire) fn model_of(path: &str) -> Option<&str> {
    let after = |collection| Some(path.split_once(collection)?.1);
    let of_resource = || {
        let rest = after("/azure-openai/")?;
        Some(&rest[rest.find('/')?..])
    };
    let rest = after("/deployments").or_else(|| after("/engines")).or_else(of_resource);
    let Some(rest) = rest else {
        return endpoint(path).or_else(|| Some(RawPredict::of(path)?.model));
    };
    let name = OPERATIONS.iter().find_map(|operation| rest.strip_suffix(operation));
    name?.strip_prefix('/').filter(|name| !name.is_empty())
}

/// What follows the deployment in a path.
const OPERATIONS: [&str; 18] = [
    "/extensions/chat/completions",
    "/chat/completions",
    "/completions",
    "/responses",
    "/text/chat",
    "/text/chat_stream",
    "/text/generation",
    "/text/generation_stream",
    "/messages",
    "/text/embeddings",
    "/text/rerank",
    "/embeddings",
    "/images/generations",
    "/images/edits",
    "/images/variations",
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
];

/// Whether a path is that of a stored answer: the path of the calls, and an id.
///
/// Sources: "Get a model response" and "Get chat completion" in OpenAI's API reference.
pub(in crate::wire) fn is_fetch(path: &str, calls: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(before, id)| !id.is_empty() && before.ends_with(calls))
}

/// Returns the start of a call that fetches a stored answer. What created the answer is unknown.
pub(in crate::wire) fn fetch(call: &LlmHttpRequest<'_>, provider: &str, api: &str) -> LlmStart {
    let mut query = call.uri.query().unwrap_or_default().split('&');
    LlmStart::new(provider, api).stream(query.any(|pair| pair == "stream=true")).fetched(true)
}

/// Whether a path is one of watsonx's.
pub(in crate::wire) fn is_watsonx(path: &str) -> bool {
    path.contains("/ml/v1/")
}

/// Returns the name of the endpoint in a path of Databricks' model serving.
pub(in crate::wire) fn endpoint(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/serving-endpoints/")?;
    let rest = rest.strip_suffix("/invocations")?;
    // One of the models that the endpoint serves may be called.
    let name = rest.split_once("/served-models/").map_or(rest, |(name, _)| name);
    Some(name).filter(|name| !name.is_empty())
}

/// Returns the body of an error response in OpenAI's shape, after "Error codes" in OpenAI's documentation and
/// the responses of its servers.
pub(in crate::wire) fn error_body(status: StatusCode, message: &str) -> Vec<u8> {
    let (kind, code) = match status.as_u16() {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        429 => ("requests", Some("rate_limit_exceeded")),
        400..=499 => ("invalid_request_error", None),
        _ => ("server_error", None),
    };
    let error = json!({"message": message, "type": kind, "param": null, "code": code});
    json!({ "error": error }).to_string().into_bytes()
}
