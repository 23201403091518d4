//! Attributes of Langfuse, by its Python SDK 5.0.4 (`langfuse/_client/attributes.py`).

use opentelemetry::KeyValue;
use serde_json::{Map, Value, json};

use super::{
    identity::{RunIdentity, tags},
    message::{InputMessages, inputs, output},
    result::{amount, model},
    value::{as_text, cut, short, text, texts},
};
use crate::{
    event::{LlmResult, LlmStart},
    run::{Run, RunType},
};

const TYPE: &str = "langfuse.observation.type";
const INPUT: &str = "langfuse.observation.input";
const OUTPUT: &str = "langfuse.observation.output";
const MODEL: &str = "langfuse.observation.model.name";
const PARAMETERS: &str = "langfuse.observation.model.parameters";
const USAGE: &str = "langfuse.observation.usage_details";
const COST: &str = "langfuse.observation.cost_details";
const FIRST: &str = "langfuse.observation.completion_start_time";
const TAGS: &str = "langfuse.trace.tags";
const NAME: &str = "langfuse.trace.name";
/// The beginning of the names of metadata by which traces are found.
const METADATA: &str = "langfuse.trace.metadata.";

fn common(run: &Run, kind: &'static str, identity: &RunIdentity) -> Vec<KeyValue> {
    let mut attributes = vec![text(TYPE, kind)];
    let tags = tags(run);
    if !tags.is_empty() {
        attributes.push(texts(TAGS, tags));
    }
    if run.parent_run_id().is_none() {
        attributes.push(text(NAME, cut(run.name())));
        attributes.extend(identity.metadata_named(run, METADATA));
    }
    attributes
}

pub(super) fn start(run: &Run, is_agent: bool, identity: &RunIdentity) -> Vec<KeyValue> {
    let kind = match run.run_type() {
        RunType::Tool => "tool",
        RunType::Retriever => "retriever",
        _ if is_agent => "agent",
        _ => "chain",
    };
    common(run, kind, identity)
}

/// Returns the input, or the output, of a run that is no model call.
pub(super) fn value(is_input: bool, value: &Value) -> Vec<KeyValue> {
    vec![text(if is_input { INPUT } else { OUTPUT }, as_text(value))]
}

pub(super) fn llm_start(
    run: &Run,
    start: &LlmStart,
    identity: &RunIdentity,
    with_content: bool,
) -> Vec<KeyValue> {
    let kind = match run.run_type() {
        RunType::Embedding => "embedding",
        RunType::Moderation => "guardrail",
        _ => "generation",
    };
    let mut attributes = common(run, kind, identity);
    attributes.push(text(PARAMETERS, super::params::scalars(&start.params)));
    let input = || match run.run_type() {
        RunType::Llm => InputMessages::of(start).map(|prompt| match prompt.system {
            Some(system) => json!({"system": system, "messages": prompt.messages}),
            None => prompt.messages,
        }),
        _ => inputs(start).map(|inputs| json!(*inputs)),
    };
    let input = if with_content { input() } else { None };
    attributes.extend(input.map(|input| text(INPUT, input.to_string())));
    attributes
}

pub(super) fn llm_end(
    run: &Run,
    result: &LlmResult,
    failed: bool,
    with_content: bool,
) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    attributes.extend(model(result).map(|model| text(MODEL, short(model))));
    if let Some(usage) = &result.usage {
        // Each token counts in one of them.
        let cached = usage.cache_read_tokens.unwrap_or(0) + usage.cache_write_tokens.unwrap_or(0);
        let counts = [
            ("input", usage.input_tokens.map(|all| all.saturating_sub(cached))),
            ("cache_read_input_tokens", usage.cache_read_tokens),
            ("cache_creation_input_tokens", usage.cache_write_tokens),
            (
                "output",
                usage
                    .output_tokens
                    .map(|all| all.saturating_sub(usage.reasoning_tokens.unwrap_or(0))),
            ),
            ("output_reasoning_tokens", usage.reasoning_tokens),
            ("total", usage.total_tokens),
        ];
        let known = counts.into_iter().filter_map(|(key, of)| Some((key.to_owned(), of?.into())));
        attributes.push(text(USAGE, Value::Object(known.collect::<Map<_, _>>()).to_string()));
    }
    let cost = result.cost.as_ref().and_then(amount);
    attributes.extend(cost.map(|cost| text(COST, json!({"total": cost}).to_string())));
    if let Some(first) = result.time_to_first_token {
        let time = humantime::format_rfc3339_micros(run.end_time(first)).to_string();
        // A JSON string, as the SDK writes it.
        attributes.push(text(FIRST, Value::from(time).to_string()));
    }
    if with_content && (run.run_type() == RunType::Llm || !result.choices.is_empty()) {
        attributes.push(text(OUTPUT, output(result, failed).to_string()));
    }
    attributes
}
