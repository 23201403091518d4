//! The counts of a call as genai-prices names them.

use std::borrow::Cow;

use genai_prices::{Usage as Tokens, UsageKey};

use crate::{
    event::{PricedCall, Usage},
    wire::read_usage,
};

/// The media whose tokens may have prices of their own.
const MEDIA: [&str; 3] = ["audio", "image", "video"];

/// Returns the medium of the tokens that a detail counts.
pub(super) fn medium(detail: &str) -> Option<&'static str> {
    let tokens = detail.strip_suffix("_tokens")?;
    MEDIA.into_iter().find(|medium| tokens.split('_').skip(1).any(|word| word == *medium))
}

/// Returns the counts that are charged: the normalised ones. Where these have no details, those of the provider's own object
/// complete them, if it is about the same tokens.
pub(super) fn charged<'a>(call: &PricedCall<'a>) -> Cow<'a, Usage> {
    let mut usage = call.charged();
    if usage.details.is_empty()
        && let Some(raw) = call.usage_raw.and_then(|raw| raw.as_object())
    {
        let raw = read_usage(raw);
        let tokens = |usage: &Usage| (usage.input_tokens, usage.output_tokens);
        if !raw.details.is_empty() && tokens(&raw) == tokens(call.usage) {
            usage.to_mut().details = raw.details;
        }
    }
    // Up to Gemini 2.5 Google charges for a prompt with searches, then for each search.
    //
    // Source: "Pricing" of Grounding with Google Search in Google's documentation.
    let by_prompt =
        call.models().any(|model| ["gemini-1", "gemini-2"].iter().any(|old| model.contains(old)));
    if by_prompt && usage.details.get("web_searches").is_some_and(|searches| *searches > 1) {
        usage.to_mut().details.insert("web_searches".into(), 1);
    }
    usage
}

/// Returns the counts in the units of genai-prices, without the details. A part that is larger than the whole counts as the
/// whole.
pub(super) fn plain(usage: &Usage) -> Tokens {
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

/// Returns the counts with the details, whose sums are no larger than the whole either. Tokens of several kinds at once, such as
/// cached sound, are given too, as genai-prices wants: zero, but for what must be.
pub(super) fn detailed(usage: &Usage) -> Tokens {
    let mut tokens = plain(usage);
    let detail = |name: &str| usage.details.get(name).copied().unwrap_or(0) as f64;
    for (name, count) in &usage.details {
        if medium(name).is_none() {
            tokens.insert(&**name, *count as f64);
        }
    }
    let whole = |tokens: &Tokens, key| tokens.get(key).unwrap_or(0.0);
    let [read, written] =
        [UsageKey::CACHE_READ_TOKENS, UsageKey::CACHE_WRITE_TOKENS].map(|key| whole(&tokens, key));
    let mut input = whole(&tokens, UsageKey::INPUT_TOKENS) - written;
    let output = whole(&tokens, UsageKey::OUTPUT_TOKENS);
    let mut rest = output - whole(&tokens, UsageKey::OUTPUT_REASONING_TOKENS);
    let mut unread = read;
    for medium in MEDIA {
        let sent = detail(&format!("input_{medium}_tokens")).min(input);
        let cached = detail(&format!("cache_{medium}_read_tokens")).min(sent).min(unread);
        let answered = detail(&format!("output_{medium}_tokens")).min(rest);
        (input, unread, rest) = (input - sent, unread - cached, rest - answered);
        for (key, count) in [
            (format!("input_{medium}_tokens"), sent),
            (format!("cache_{medium}_read_tokens"), cached),
            (format!("output_{medium}_tokens"), answered),
        ] {
            tokens.insert(key, count);
        }
        for mixed in ["write", "write_1h", "write_5m"] {
            tokens.insert(format!("cache_{medium}_{mixed}_tokens"), 0.0);
        }
        for mixed in ["reasoning", "citation"] {
            tokens.insert(format!("output_{medium}_{mixed}_tokens"), 0.0);
        }
    }
    // More was read from the cache than there is text.
    for medium in MEDIA {
        let missing = (unread - input).max(0.0);
        let key = format!("cache_{medium}_read_tokens");
        let cached = whole(&tokens, UsageKey::from(&*key));
        let sent = whole(&tokens, UsageKey::from(format!("input_{medium}_tokens")));
        let more = missing.min(sent - cached);
        unread -= more;
        tokens.insert(key, cached + more);
    }
    // Beside the output.
    let cited = detail(UsageKey::OUTPUT_CITATION_TOKENS.as_str());
    tokens.insert(UsageKey::OUTPUT_TOKENS, output + cited);
    tokens
}

#[cfg(test)]
mod tests {
    use genai_prices::{Calculator, PriceRequest};

    use super::*;

    /// Whatever a provider claims, genai-prices finds that no part is larger than its whole, and all units are there.
    #[test]
    fn any_counts_have_a_price() {
        let mut state = 1_u64;
        let mut random = |up_to: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % up_to
        };
        let names = MEDIA.map(|medium| {
            ["input_", "cache_", "output_"].map(|of| {
                let read = if of == "cache_" { "_read" } else { "" };
                format!("{of}{medium}{read}_tokens")
            })
        });
        let names = names.as_flattened().iter().map(String::as_str);
        let names: Vec<_> = names.chain(["output_citation_tokens", "web_searches"]).collect();
        for (provider, model) in [
            ("openai", "gpt-realtime"),
            ("openai", "gpt-image-1.5"),
            ("openai", "gpt-4o"),
            ("google", "gemini-3.1-flash-live-preview"),
            ("google", "gemini-2.5-flash"),
            ("anthropic", "claude-sonnet-4-5"),
            ("perplexity", "sonar-deep-research"),
        ] {
            for _ in 0..2_000 {
                let mut usage = Usage::new(random(50), random(50))
                    .cached(random(50), random(2) * random(50))
                    .reasoning(random(2) * random(50));
                usage.cache_writes = [("1h".into(), random(50))].into();
                for name in &names {
                    if random(2) == 0 {
                        usage.details.insert((*name).into(), random(50));
                    }
                }
                let tokens = detailed(&usage);
                let request = PriceRequest::new(model, &tokens).with_provider_id(provider);
                let price = Calculator::bundled().calculate(&request);
                assert!(price.is_ok(), "{model}: {usage:?}: {price:?}");
            }
        }
    }
}
