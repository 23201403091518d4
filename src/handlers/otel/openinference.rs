//! Attributes of OpenInference, by `openinference-semantic-conventions` 0.1.42
//! (<https://arize-ai.github.io/openinference/spec/semantic_conventions.html>).

use opentelemetry::KeyValue;
use serde_json::{Value, json};

use super::{
    agent::metadata,
    identity::{RunIdentity, tags},
    message::{InputMessages, inputs, output},
    names,
    result::{amount, model},
    tools,
    value::{as_text, count, cut, short, text, texts},
};
use crate::{
    event::{LlmResult, LlmStart, RunInput},
    run::{Run, RunType},
};

const KIND: &str = "openinference.span.kind";
const INPUT: &str = "input.value";
const INPUT_TYPE: &str = "input.mime_type";
const OUTPUT: &str = "output.value";
const OUTPUT_TYPE: &str = "output.mime_type";
const MODEL: &str = "llm.model_name";
const REQUEST_MODEL: &str = "llm.request.model_name";
const RESPONSE_MODEL: &str = "llm.response.model_name";
const PROVIDER: &str = "llm.provider";
const PARAMETERS: &str = "llm.invocation_parameters";
const PROMPT: &str = "llm.token_count.prompt";
const CACHE_READ: &str = "llm.token_count.prompt_details.cache_read";
const CACHE_WRITE: &str = "llm.token_count.prompt_details.cache_write";
const COMPLETION: &str = "llm.token_count.completion";
const REASONING: &str = "llm.token_count.completion_details.reasoning";
const TOTAL: &str = "llm.token_count.total";
const COST: &str = "llm.cost.total";
const EMBEDDING_MODEL: &str = "embedding.model_name";
const EMBEDDING_PARAMETERS: &str = "embedding.invocation_parameters";
const RERANKER_MODEL: &str = "reranker.model_name";
const AGENT: &str = "agent.name";
const TOOL: &str = "tool.name";
const TOOL_ID: &str = "tool.id";
const TOOL_PARAMETERS: &str = "tool.parameters";
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

pub(super) fn start(
    run: &Run,
    input: &RunInput,
    is_agent: bool,
    identity: &RunIdentity,
) -> Vec<KeyValue> {
    let kind = match run.run_type() {
        RunType::Tool => "TOOL",
        RunType::Retriever => "RETRIEVER",
        _ if is_agent => "AGENT",
        _ => "CHAIN",
    };
    let mut attributes = common(run, kind, identity);
    if run.run_type() == RunType::Tool {
        attributes.push(text(TOOL, cut(run.name())));
        attributes.extend(input.tool_call_id.as_deref().map(|id| text(TOOL_ID, cut(id))));
    }
    if is_agent {
        attributes.extend(metadata(run, names::AGENT_NAME).map(|name| text(AGENT, cut(name))));
    }
    attributes
}

/// Returns the input of a run that is no model call.
pub(super) fn input(run: &Run, input: &Value) -> Vec<KeyValue> {
    let mut attributes = value((INPUT, INPUT_TYPE), input);
    if run.run_type() == RunType::Tool && input.is_object() {
        attributes.push(text(TOOL_PARAMETERS, input.to_string()));
    }
    attributes
}

/// Returns the output of a run that is no model call.
pub(super) fn run_output(run: &Run, output: &Value) -> Vec<KeyValue> {
    let mut attributes = value((OUTPUT, OUTPUT_TYPE), output);
    let documents = output.as_array().filter(|_| run.run_type() == RunType::Retriever);
    for (nth, document) in documents.into_iter().flatten().take(MAX_MESSAGES).enumerate() {
        let mut add = |name: &str, value: opentelemetry::Value| {
            let key = format!("retrieval.documents.{nth}.document.{name}");
            attributes.push(KeyValue::new(key, value));
        };
        let content = ["content", "page_content", "text"].iter().find_map(|it| document.get(*it));
        let content = content.or(document.as_str().map(|_| document));
        content.into_iter().for_each(|content| add("content", as_text(content).into()));
        document.get("id").into_iter().for_each(|id| add("id", as_text(id).into()));
        let score = document.get("score").and_then(Value::as_f64);
        score.into_iter().for_each(|score| add("score", score.into()));
    }
    attributes
}

pub(super) fn llm_start(
    run: &Run,
    start: &LlmStart,
    identity: &RunIdentity,
    with_content: bool,
) -> Vec<KeyValue> {
    let (kind, parameters) = match run.run_type() {
        RunType::Embedding => ("EMBEDDING", EMBEDDING_PARAMETERS),
        RunType::Rerank => ("RERANKER", PARAMETERS),
        RunType::Moderation => ("GUARDRAIL", PARAMETERS),
        _ => ("LLM", PARAMETERS),
    };
    let mut attributes = common(run, kind, identity);
    attributes.push(text(parameters, super::params::scalars(&start.params)));
    if kind == "LLM" {
        attributes.push(text(PROVIDER, short(&start.provider)));
        attributes.extend(start.model.as_ref().map(|model| text(REQUEST_MODEL, short(model))));
    }
    match run.run_type() {
        _ if !with_content => {}
        RunType::Llm => add_prompt(start, &mut attributes),
        run_type => {
            let all = inputs(start).unwrap_or_default();
            let texts = all.iter().filter(|_| run_type == RunType::Embedding);
            let texts = texts.take(MAX_MESSAGES).enumerate();
            attributes.extend(texts.filter_map(|(nth, input)| {
                let key = format!("embedding.embeddings.{nth}.embedding.text");
                Some(KeyValue::new(key, input.as_str()?.to_owned()))
            }));
            if !all.is_empty() {
                attributes.extend(value((INPUT, INPUT_TYPE), &json!(*all)));
            }
        }
    }
    attributes
}

/// Adds the messages and the tools.
fn add_prompt(start: &LlmStart, attributes: &mut Vec<KeyValue>) {
    if let Some(InputMessages { system, messages }) = InputMessages::of(start) {
        let system = system.map(|parts| json!({"role": "system", "parts": parts}));
        let mut all: Vec<Value> = system.into_iter().collect();
        all.extend(messages.as_array().into_iter().flatten().cloned());
        add_messages("llm.input_messages", &all, attributes);
        attributes.extend(value((INPUT, INPUT_TYPE), &Value::Array(all)));
    }
    let tools = tools::definitions(&start.params);
    let tools = tools.as_ref().and_then(Value::as_array).into_iter().flatten();
    for (nth, tool) in tools.take(MAX_MESSAGES).enumerate() {
        let key = format!("llm.tools.{nth}.tool.json_schema");
        attributes.push(KeyValue::new(key, tool.to_string()));
    }
}

pub(super) fn llm_end(
    run: &Run,
    result: &LlmResult,
    failed: bool,
    with_content: bool,
) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    let key = match run.run_type() {
        RunType::Embedding => EMBEDDING_MODEL,
        RunType::Rerank => RERANKER_MODEL,
        _ => MODEL,
    };
    // An attribute must not be set twice.
    attributes.extend(model(result).map(|model| text(key, short(model))));
    if key == MODEL {
        attributes.extend(result.model.as_ref().map(|it| text(RESPONSE_MODEL, short(it))));
    }
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
    // In US dollars, as the convention says.
    let cost = result.cost.as_ref().filter(|cost| &*cost.currency == "USD");
    attributes.extend(cost.and_then(amount).map(|cost| KeyValue::new(COST, cost)));
    if with_content && (run.run_type() == RunType::Llm || !result.choices.is_empty()) {
        let output = output(result, failed);
        if let Some(messages) = output.as_array() {
            add_messages("llm.output_messages", messages, &mut attributes);
        }
        attributes.extend(value((OUTPUT, OUTPUT_TYPE), &output));
    }
    attributes
}

/// Returns a text as it is, and any other value as JSON.
fn value((key, kind): (&'static str, &'static str), value: &Value) -> Vec<KeyValue> {
    let mime = if value.is_string() { "text/plain" } else { "application/json" };
    vec![text(key, as_text(value)), text(kind, mime)]
}

/// Adds messages as attributes of their own. The first and the last ones, if there are many.
fn add_messages(name: &str, messages: &[Value], attributes: &mut Vec<KeyValue>) {
    let skipped = 1..(messages.len() + 1).saturating_sub(MAX_MESSAGES);
    for (nth, message) in messages.iter().enumerate() {
        if skipped.contains(&nth) {
            continue;
        }
        let mut add = |key: &str, value: &Value| {
            attributes.push(KeyValue::new(format!("{name}.{nth}.message.{key}"), as_text(value)));
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
