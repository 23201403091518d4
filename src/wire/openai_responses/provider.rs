use crate::wire::HttpCall;

/// Who serves a call, as far as its target tells; else OpenAI, whose interface it is.
pub(super) fn of(call: &HttpCall<'_>) -> &'static str {
    let host = call.host().unwrap_or_default().to_ascii_lowercase();
    let within = |domain: &str| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    // Azure's older paths say so even where the host is a gateway's.
    let azure = call.uri.path().contains("/openai/deployments/")
        || call
            .uri
            .query()
            .is_some_and(|query| query.split('&').any(|pair| pair.starts_with("api-version=")));
    if azure || within("azure.com") {
        return "azure.ai.openai";
    }
    let known = [("openrouter.ai", "openrouter"), ("x.ai", "x_ai"), ("groq.com", "groq")];
    known.into_iter().find(|(domain, _)| within(domain)).map_or("openai", |(_, name)| name)
}
