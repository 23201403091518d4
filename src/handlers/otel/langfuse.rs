//! Attributes of Langfuse, by its Python SDK 5.0.4 (`langfuse/_client/attributes.py`).

use opentelemetry::KeyValue;
use serde_json::{Map, Value};

use super::{
    identity::tags,
    message::{InputMessages, output},
    value::{short, text, texts},
};
use crate::{
    event::{LlmResult, LlmStart},
    run::{Run, RunType},
};

const TYPE: &str = "langfuse.observation.type";
pub(super) const INPUT: &str = "langfuse.observation.input";
pub(super) const OUTPUT: &str = "langfuse.observation.output";
const MODEL: &str = "langfuse.observation.model.name";
const PARAMETERS: &str = "langfuse.observation.model.parameters";
const USAGE: &str = "langfuse.observation.usage_details";
const COST: &str = "langfuse.observation.cost_details";
const FIRST: &str = "langfuse.observation.completion_start_time";
const TAGS: &str = "langfuse.trace.tags";
const NAME: &str = "langfuse.trace.name";

fn common(run: &Run, kind: &'static str) -> Vec<KeyValue> {
    let mut attributes = vec![text(TYPE, kind)];
    let tags = tags(run);
    if !tags.is_empty() {
        attributes.push(texts(TAGS, tags));
    }
    if run.parent_run_id().is_none() {
        attributes.push(text(NAME, super::value::cut(run.name())));
    }
    attributes
}

pub(super) fn start(run: &Run, is_agent: bool) -> Vec<KeyValue> {
    let kind = match run.run_type() {
        RunType::Tool => "tool",
        RunType::Retriever => "retriever",
        _ if is_agent => "agent",
        _ => "chain",
    };
    common(run, kind)
}

pub(super) fn llm_start(run: &Run, start: &LlmStart, with_content: bool) -> Vec<KeyValue> {
    let mut attributes = common(run, "generation");
    attributes.push(text(PARAMETERS, super::params::scalars(&start.params)));
    if with_content && let Some(InputMessages { system, messages }) = InputMessages::of(start) {
        let input = match system {
            Some(system) => serde_json::json!({"system": system, "messages": messages}),
            None => messages,
        };
        attributes.push(text(INPUT, input.to_string()));
    }
    attributes
}

pub(super) fn llm_end(
    run: &Run,
    result: &LlmResult,
    failed: bool,
    with_content: bool,
) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    let requested = result.request.as_deref().and_then(|start| start.model.as_ref());
    let model = result.model.as_ref().or(requested);
    attributes.extend(model.map(|model| text(MODEL, short(model))));
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
    let cost = result.cost.as_ref().and_then(|cost| cost.amount.to_string().parse::<f64>().ok());
    attributes.extend(cost.map(|cost| text(COST, serde_json::json!({"total": cost}).to_string())));
    if let Some(first) = result.time_to_first_token {
        let time = humantime::format_rfc3339_micros(run.end_time(first)).to_string();
        // A JSON string, as the SDK writes it.
        attributes.push(text(FIRST, Value::from(time).to_string()));
    }
    if with_content {
        attributes.push(text(OUTPUT, output(result, failed).to_string()));
    }
    attributes
}
