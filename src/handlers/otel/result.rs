use opentelemetry::KeyValue;

use super::{
    SemanticConventions,
    finish::finish_reasons,
    names,
    value::{count, short, text, texts},
};
use crate::event::LlmResult;

/// Returns the attributes that are known when a model call ends.
pub(super) fn attributes(
    result: &LlmResult,
    failed: bool,
    conventions: SemanticConventions,
) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(10);
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
    }
    attributes
}
