//! What OpenAI's APIs have in common: the providers that serve them and the shape of errors.

use http::StatusCode;
use serde_json::json;

use super::LlmHttpRequest;

/// Provider names by host or parent domain: those of OpenTelemetry's GenAI conventions, or in their style.
const HOSTS: &[(&str, &str)] = &[
    ("openai.com", "openai"),
    ("models.ai.azure.com", "azure.ai.inference"),
    ("azure.com", "azure.ai.openai"),
    ("groq.com", "groq"),
    ("mistral.ai", "mistral_ai"),
    ("deepseek.com", "deepseek"),
    ("x.ai", "x_ai"),
    ("openrouter.ai", "openrouter"),
    ("perplexity.ai", "perplexity"),
    ("anthropic.com", "anthropic"),
    ("cohere.com", "cohere"),
    ("cohere.ai", "cohere"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("writer.com", "writer"),
    ("snowflakecomputing.com", "snowflake"),
];

/// Returns the provider that a request is sent to. The path is checked first, since gateways keep it.
pub(in crate::wire) fn provider(call: &LlmHttpRequest<'_>) -> &'static str {
    let versioned = |query: &str| query.split('&').any(|pair| pair.starts_with("api-version="));
    if deployment(call.uri.path()).is_some() || call.uri.query().is_some_and(versioned) {
        return "azure.ai.openai";
    }
    let host = call.uri.host().unwrap_or_default().to_ascii_lowercase();
    let within = |domain: &str| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    HOSTS.iter().find(|(domain, _)| within(domain)).map_or("openai", |(_, name)| name)
}

/// Returns the name of the deployment in an Azure path.
pub(in crate::wire) fn deployment(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/openai/deployments/")?;
    rest.split('/').next().filter(|name| !name.is_empty())
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
