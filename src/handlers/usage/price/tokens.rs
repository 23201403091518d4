//! The tokens of a call by kind, as genai-prices names them.

use genai_prices::{Calculator, ExtractRequest, Usage as Tokens, UsageKey};
use serde_json::{Value, json};

use crate::event::{PricedCall, Usage};

/// Returns the normalised counts. A part that is larger than the whole counts as the whole.
pub(super) fn normalised(usage: &Usage) -> Tokens {
    let [input, output] = [usage.input_tokens, usage.output_tokens].map(Option::unwrap_or_default);
    let read = usage.cache_read_tokens.unwrap_or(0).min(input);
    let by_lifetime = || usage.cache_writes.values().copied().fold(0, u64::saturating_add);
    let written = usage.cache_write_tokens.unwrap_or_else(by_lifetime).min(input - read);
    let reasoning = usage.reasoning_tokens.unwrap_or(0).min(output);
    let lifetime = |lifetime: &str| usage.cache_writes.get(lifetime).copied().unwrap_or(0);
    let hour = lifetime("1h").min(written);
    let minutes = lifetime("5m").min(written - hour);
    [
        (UsageKey::INPUT_TOKENS, input),
        (UsageKey::CACHE_READ_TOKENS, read),
        (UsageKey::CACHE_WRITE_TOKENS, written),
        (UsageKey::CACHE_WRITE_1H_TOKENS, hour),
        (UsageKey::CACHE_WRITE_5M_TOKENS, minutes),
        (UsageKey::OUTPUT_TOKENS, output),
        (UsageKey::OUTPUT_REASONING_TOKENS, reasoning),
    ]
    .into_iter()
    // Up to 2^53 tokens are exact.
    .map(|(key, tokens)| (key, tokens as f64))
    .collect()
}

/// Returns the counts that genai-prices reads from the provider's own object, which has those of audio, images and searches
/// too. `None` if it cannot read it, or reads others than the normalised ones.
pub(super) fn detailed(
    calculator: &Calculator,
    provider: &str,
    call: &PricedCall<'_>,
) -> Option<Tokens> {
    let raw = call.usage_raw.filter(|raw| raw.is_object())?;
    let answer: Value = match call.api {
        "generate_content" => json!({ "usageMetadata": raw }),
        _ => json!({ "usage": raw }),
    };
    let mut beyond = None;
    for flavor in flavors(call.api) {
        let request =
            ExtractRequest::from_value(&answer).with_provider_id(provider).with_api_flavor(flavor);
        let Ok(found) = calculator.extract_provider_usage(&request) else { continue };
        let count = |key| found.usage.get(key).unwrap_or(0.0);
        let [input, output] = [call.usage.input_tokens, call.usage.output_tokens]
            .map(|count| count.unwrap_or(0) as f64);
        if count(UsageKey::INPUT_TOKENS) != input {
            continue;
        }
        if count(UsageKey::OUTPUT_TOKENS) == output {
            return Some(found.usage);
        }
        // Perplexity charges for citations, and counts them and reasoning beside the output.
        let apart =
            count(UsageKey::OUTPUT_CITATION_TOKENS) + count(UsageKey::OUTPUT_REASONING_TOKENS);
        if count(UsageKey::OUTPUT_TOKENS) == output + apart {
            beyond = beyond.or(Some(found.usage));
        }
    }
    beyond
}

/// Returns the names that genai-prices may have for the usage object of an interface.
fn flavors(api: &str) -> &'static [&'static str] {
    match api {
        "messages" => &["anthropic", "default"],
        "responses" => &["responses", "default"],
        "chat_completions" | "completions" => &["chat", "default"],
        _ => &["default", "chat", "anthropic"],
    }
}
