use std::sync::Arc;

use opentelemetry::KeyValue;

use super::{
    SemanticConventions,
    finish::finish_reasons,
    modality::by_modality,
    names,
    value::{count, cut, short, text, texts},
};
use crate::event::{LlmResult, RunCost, UsageSource};

/// Returns the model that answered, else the requested one.
pub(super) fn model(result: &LlmResult) -> Option<&Arc<str>> {
    result.model.as_ref().or_else(|| result.request.as_deref()?.model.as_ref())
}

/// Returns an amount as a number, which is all that attributes can be.
pub(super) fn amount(cost: &RunCost) -> Option<f64> {
    cost.amount.to_string().parse().ok()
}

/// Returns the names of what only OpenAI reports, with the values.
pub(super) fn of_openai(result: &LlmResult) -> impl Iterator<Item = (&'static str, &Arc<str>)> {
    let is_openai = result.request.as_deref().is_some_and(|it| &*it.provider == "openai");
    let tier = result.usage.as_ref().and_then(|usage| usage.service_tier.as_ref());
    let all = [
        (names::OPENAI_RESPONSE_TIER, tier),
        (names::OPENAI_FINGERPRINT, result.system_fingerprint.as_ref()),
    ];
    all.into_iter().filter_map(move |(name, value)| Some((name, value.filter(|_| is_openai)?)))
}

/// Returns the attributes that are known when a model call ends.
pub(super) fn attributes(
    result: &LlmResult,
    failed: bool,
    conventions: SemanticConventions,
) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(16);
    attributes.extend(result.response_id.as_ref().map(|id| text(names::RESPONSE_ID, short(id))));
    attributes.extend(result.model.as_ref().map(|it| text(names::RESPONSE_MODEL, short(it))));
    let reasons = finish_reasons(result, failed);
    if !reasons.is_empty() {
        attributes.push(texts(names::FINISH_REASONS, reasons));
    }
    if let Some(first) = result.time_to_first_token {
        attributes.push(KeyValue::new(names::TIME_TO_FIRST_CHUNK, first.as_secs_f64()));
    }
    if let Some(dimensions) = result.dimensions {
        attributes.push(KeyValue::new(names::DIMENSIONS, i64::from(dimensions)));
    }
    attributes.extend(of_openai(result).map(|(name, value)| text(name, short(value))));
    if let Some(usage) = &result.usage {
        let counts = [
            (names::INPUT_TOKENS, usage.input_tokens),
            (names::OUTPUT_TOKENS, usage.output_tokens),
            (names::CACHE_READ_TOKENS, usage.cache_read_tokens),
            (conventions.cache_write(), usage.cache_write_tokens),
            (names::REASONING_TOKENS, usage.reasoning_tokens),
        ];
        let known = counts.into_iter().filter_map(|(key, tokens)| Some(count(key, tokens?)));
        attributes.extend(known);
        let sources = [
            (names::RUN_INPUT_SOURCE, usage.source.input),
            (names::RUN_OUTPUT_SOURCE, usage.source.output),
        ];
        attributes.extend(sources.into_iter().filter_map(|(key, source)| {
            let source = source.filter(|source| *source != UsageSource::Reported)?;
            Some(text(key, source.as_str()))
        }));
    }
    if conventions != SemanticConventions::V1_41 {
        let tokens = by_modality(result.usage_raw.as_ref()).into_iter();
        attributes.extend(tokens.map(|it| {
            let key = format!("{}{}.{}", names::USAGE, it.modality, it.kind);
            KeyValue::new(key, i64::try_from(it.tokens).unwrap_or(i64::MAX))
        }));
    }
    if let Some(cost) = &result.cost {
        attributes.extend(amount(cost).map(|amount| KeyValue::new(names::RUN_COST, amount)));
        attributes.push(text(names::RUN_CURRENCY, cut(&cost.currency)));
    }
    attributes
}
