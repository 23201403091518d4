//! Request parameters, read under the names of all providers.

use opentelemetry::{KeyValue, StringValue};
use serde_json::{Map, Value};

use super::{
    SemanticConventions, names,
    value::{cut, text, texts},
};

/// The maximum number of stop sequences to record.
const MAX_STOPS: usize = 16;

/// The objects in which Gemini and Ollama nest parameters.
const NESTED: [&str; 3] = ["generationConfig", "generation_config", "options"];

type Params = Map<String, Value>;

/// Adds the attributes of a request's parameters, in the conventions' order.
pub(super) fn attributes(
    params: &Params,
    conventions: SemanticConventions,
    attributes: &mut Vec<KeyValue>,
) {
    let integer = |names: &[&str]| find(params, names).and_then(Value::as_i64);
    let number = |names: &[&str]| find(params, names).and_then(Value::as_f64);
    let mut add = |key, value: Option<opentelemetry::Value>| {
        attributes.extend(value.map(|value| KeyValue::new(key, value)));
    };
    let choices = integer(&["n", "candidateCount"]).filter(|count| *count != 1);
    add(names::CHOICE_COUNT, choices.map(Into::into));
    add(names::SEED, integer(&["seed"]).map(Into::into));
    let max_tokens = integer(&[
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "maxOutputTokens",
        "num_predict",
    ]);
    add(names::MAX_TOKENS, max_tokens.map(Into::into));
    add(names::TEMPERATURE, number(&["temperature"]).map(Into::into));
    add(names::TOP_P, number(&["top_p", "topP"]).map(Into::into));
    const TOP_K: &[&str] = &["top_k", "topK"];
    let top_k = match conventions {
        SemanticConventions::V1_41 => number(TOP_K).map(Into::into),
        SemanticConventions::Latest | SemanticConventions::PythonUtil => {
            integer(TOP_K).map(Into::into)
        }
    };
    add(names::TOP_K, top_k);
    if conventions != SemanticConventions::V1_41 {
        add(names::REASONING_LEVEL, reasoning_level(params).map(|level| cut(level).into()));
        let previous = params.get("previous_response_id").and_then(Value::as_str);
        add(names::PREVIOUS_RESPONSE, previous.map(|id| cut(id).into()));
    }
    let frequency = number(&["frequency_penalty", "frequencyPenalty"]);
    add(names::FREQUENCY_PENALTY, frequency.map(Into::into));
    let presence = number(&["presence_penalty", "presencePenalty"]);
    add(names::PRESENCE_PENALTY, presence.map(Into::into));
    attributes.extend(stops(params).map(|stops| texts(names::STOP_SEQUENCES, stops)));
    attributes.extend(output_type(params).map(|kind| text(names::OUTPUT_TYPE, kind)));
}

/// Returns how much the model should reason, where the request says that by a level.
fn reasoning_level(params: &Params) -> Option<&str> {
    let nested = |of: &str, member: &str| find(params, &[of])?.get(member)?.as_str();
    let level = find(params, &["reasoning_effort"]).and_then(Value::as_str);
    level
        .or_else(|| nested("reasoning", "effort"))
        .or_else(|| nested("output_config", "effort"))
        .or_else(|| nested("thinkingConfig", "thinkingLevel"))
        .or_else(|| find(params, &["think"])?.as_str())
}

/// Returns the parameters that are no content, as JSON.
pub(super) fn scalars(params: &Params) -> String {
    let is_scalar = |value: &Value| matches!(value, Value::Number(_) | Value::Bool(_));
    let scalars = params.iter().filter(|(_, value)| is_scalar(value));
    Value::Object(scalars.map(|(name, value)| (name.clone(), value.clone())).collect()).to_string()
}

/// Returns the conversation that a Responses request continues.
pub(super) fn conversation(params: &Params) -> Option<&str> {
    let conversation = params.get("conversation")?;
    conversation.as_str().or_else(|| conversation.get("id")?.as_str())
}

/// Returns OpenAI's service tier if the request asks for one.
pub(super) fn service_tier(params: &Params) -> Option<&str> {
    params.get("service_tier")?.as_str().filter(|tier| *tier != "auto")
}

fn find<'a>(params: &'a Params, names: &[&str]) -> Option<&'a Value> {
    let within = NESTED.iter().filter_map(|nested| params.get(*nested)?.as_object());
    [params].into_iter().chain(within).find_map(|map| names.iter().find_map(|name| map.get(*name)))
}

fn stops(params: &Params) -> Option<Vec<StringValue>> {
    let stops = find(params, &["stop_sequences", "stop", "stopSequences"])?;
    let one = |stop: &Value| stop.as_str().map(|stop| cut(stop).into());
    match stops {
        Value::Array(stops) => stops.iter().take(MAX_STOPS).map(one).collect(),
        stop => one(stop).map(|stop| vec![stop]),
    }
}

/// Returns the output format that the request asks for.
fn output_type(params: &Params) -> Option<&'static str> {
    let format = params.get("response_format").or_else(|| params.get("text")?.get("format"));
    let format = format.and_then(|format| format.get("type")).or_else(|| {
        let mime = find(params, &["responseMimeType", "response_mime_type"]);
        mime.or_else(|| params.get("format"))
    })?;
    match format.as_str() {
        Some("text" | "text/plain") => Some("text"),
        Some("json" | "json_object" | "json_schema" | "application/json") => Some("json"),
        // Ollama accepts a schema here.
        None if format.is_object() => Some("json"),
        _ => None,
    }
}

/// Returns the encodings of vectors that are requested.
pub(super) fn encoding_formats(params: &Params) -> Option<Vec<StringValue>> {
    let formats = find(params, &["encoding_format", "embedding_types", "output_dtype"])?;
    let one = |format: &Value| format.as_str().map(|format| cut(format).into());
    match formats {
        Value::Array(formats) => formats.iter().take(MAX_STOPS).map(one).collect(),
        format => one(format).map(|format| vec![format]),
    }
}
