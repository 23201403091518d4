//! Attributes of OpenInference, by `openinference-semantic-conventions` 0.1.42
//! (<https://arize-ai.github.io/openinference/spec/semantic_conventions.html>).

use opentelemetry::KeyValue;
use serde_json::Value;

use super::{
    identity::{RunIdentity, tags},
    message::{InputMessages, output},
    tools,
    value::{count, cut, short, text, texts},
};
use crate::{
    event::{LlmResult, LlmStart},
    run::{Run, RunType},
};

const KIND: &str = "openinference.span.kind";
pub(super) const INPUT: &str = "input.value";
const INPUT_TYPE: &str = "input.mime_type";
pub(super) const OUTPUT: &str = "output.value";
const OUTPUT_TYPE: &str = "output.mime_type";
const JSON: &str = "application/json";
const MODEL: &str = "llm.model_name";
const PROVIDER: &str = "llm.provider";
const PARAMETERS: &str = "llm.invocation_parameters";
const PROMPT: &str = "llm.token_count.prompt";
const CACHE_READ: &str = "llm.token_count.prompt_details.cache_read";
const CACHE_WRITE: &str = "llm.token_count.prompt_details.cache_write";
const COMPLETION: &str = "llm.token_count.completion";
const REASONING: &str = "llm.token_count.completion_details.reasoning";
const TOTAL: &str = "llm.token_count.total";
const COST: &str = "llm.cost.total";
const TOOL: &str = "tool.name";
const TAGS: &str = "tag.tags";
const METADATA: &str = "metadata";

/// A span has 128 attributes by the SDK's default, and a message has several.
const MAX_MESSAGES: usize = 16;

fn common(run: &Run, kind: &'static str, identity: &RunIdentity) -> Vec<KeyValue> {
    let mut attributes = vec![text(KIND, kind)];
    let tags = tags(run);
    if !tags.is_empty() {
        attributes.push(texts(TAGS, tags));
    }
    attributes.extend(identity.metadata_json(run).map(|json| text(METADATA, json)));
    attributes
}

pub(super) fn start(run: &Run, is_agent: bool, identity: &RunIdentity) -> Vec<KeyValue> {
    let kind = match run.run_type() {
        RunType::Tool => "TOOL",
        RunType::Retriever => "RETRIEVER",
        _ if is_agent => "AGENT",
        _ => "CHAIN",
    };
    let mut attributes = common(run, kind, identity);
    if run.run_type() == RunType::Tool {
        attributes.push(text(TOOL, cut(run.name())));
    }
    attributes
}

pub(super) fn llm_start(
    run: &Run,
    start: &LlmStart,
    identity: &RunIdentity,
    with_content: bool,
) -> Vec<KeyValue> {
    let mut attributes = common(run, "LLM", identity);
    attributes.push(text(PROVIDER, short(&start.provider)));
    attributes.push(text(PARAMETERS, super::params::scalars(&start.params)));
    if !with_content {
        return attributes;
    }
    if let Some(InputMessages { system, messages }) = InputMessages::of(start) {
        let system = system.map(|parts| serde_json::json!({"role": "system", "parts": parts}));
        let mut all: Vec<Value> = system.into_iter().collect();
        all.extend(messages.as_array().into_iter().flatten().cloned());
        add_messages("llm.input_messages", &all, &mut attributes);
        attributes.push(text(INPUT, Value::Array(all).to_string()));
        attributes.push(text(INPUT_TYPE, JSON));
    }
    let tools = tools::definitions(&start.params);
    let tools = tools.as_ref().and_then(Value::as_array).into_iter().flatten();
    for (nth, tool) in tools.take(MAX_MESSAGES).enumerate() {
        let key = format!("llm.tools.{nth}.tool.json_schema");
        attributes.push(KeyValue::new(key, tool.to_string()));
    }
    attributes
}

pub(super) fn llm_end(result: &LlmResult, failed: bool, with_content: bool) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    // The model that answered, else the requested one. An attribute must not be set twice.
    let requested = result.request.as_deref().and_then(|start| start.model.as_ref());
    let model = result.model.as_ref().or(requested);
    attributes.extend(model.map(|model| text(MODEL, short(model))));
    if let Some(usage) = &result.usage {
        let counts = [
            (PROMPT, usage.input_tokens),
            (CACHE_READ, usage.cache_read_tokens),
            (CACHE_WRITE, usage.cache_write_tokens),
            (COMPLETION, usage.output_tokens),
            (REASONING, usage.reasoning_tokens),
            (TOTAL, usage.total_tokens),
        ];
        let known = counts.into_iter().filter_map(|(key, tokens)| Some(count(key, tokens?)));
        attributes.extend(known);
    }
    // A number is all that the attribute can be.
    let cost = result.cost.as_ref().and_then(|cost| cost.amount.to_string().parse::<f64>().ok());
    attributes.extend(cost.map(|cost| KeyValue::new(COST, cost)));
    if with_content {
        let output = output(result, failed);
        if let Some(messages) = output.as_array() {
            add_messages("llm.output_messages", messages, &mut attributes);
        }
        attributes.push(text(OUTPUT, output.to_string()));
        attributes.push(text(OUTPUT_TYPE, JSON));
    }
    attributes
}

/// Adds messages as attributes of their own. The first and the last ones, if there are many.
fn add_messages(name: &str, messages: &[Value], attributes: &mut Vec<KeyValue>) {
    let skipped = 1..(messages.len() + 1).saturating_sub(MAX_MESSAGES);
    for (nth, message) in messages.iter().enumerate() {
        if skipped.contains(&nth) {
            continue;
        }
        let mut add = |key: &str, value: &Value| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            attributes.push(KeyValue::new(format!("{name}.{nth}.message.{key}"), value));
        };
        add("role", &message["role"]);
        let parts = || message["parts"].as_array().into_iter().flatten();
        let texts = parts().filter(|part| part["type"] == "text").map(|part| &part["content"]);
        let texts: Vec<_> = texts.filter_map(Value::as_str).collect();
        if !texts.is_empty() {
            add("content", &texts.join("\n").into());
        }
        for (call, part) in parts().filter(|part| part["type"] == "tool_call").enumerate() {
            let tool = format!("tool_calls.{call}.tool_call");
            add(&format!("{tool}.id"), &part["id"]);
            add(&format!("{tool}.function.name"), &part["name"]);
            add(&format!("{tool}.function.arguments"), &part["arguments"]);
        }
        for part in parts().filter(|part| part["type"] == "tool_call_response").take(1) {
            add("tool_call_id", &part["id"]);
            let response = part.get("response").or_else(|| part.get("result"));
            add("content", response.unwrap_or(&Value::Null));
        }
    }
}
