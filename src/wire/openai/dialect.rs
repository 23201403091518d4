use crate::wire::LlmHttpRequest;

/// Names of OpenTelemetry's GenAI conventions, and of that kind, by the host or a domain it is in.
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

/// Who is called, as far as the request tells: the path first, since gateways keep it.
pub(in crate::wire) fn provider(call: &LlmHttpRequest<'_>) -> &'static str {
    let versioned = |query: &str| query.split('&').any(|pair| pair.starts_with("api-version="));
    if deployment(call.uri.path()).is_some() || call.uri.query().is_some_and(versioned) {
        return "azure.ai.openai";
    }
    let host = call.host().unwrap_or_default().to_ascii_lowercase();
    let within = |domain: &str| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    HOSTS.iter().find(|(domain, _)| within(domain)).map_or("openai", |(_, name)| name)
}

/// The name of the deployment in a path of Azure's.
pub(in crate::wire) fn deployment(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/openai/deployments/")?;
    rest.split('/').next().filter(|name| !name.is_empty())
}
