use http::Method;
use serde_json::Value;

use super::part::{Kind, Part};
use crate::{
    event::LlmStart,
    redact,
    wire::{LlmHttpRequest, openai, request::Members},
};

/// Whether a request is a call at a path with one of these ends.
pub(super) fn is_call(method: &Method, path: &str, ends: &[&str]) -> bool {
    method == Method::POST && ends.iter().any(|end| path.ends_with(end))
}

/// Returns the start of a call whose inputs are in `inputs`, the first of which that is present is counted. All other
/// members that are not in `content` are parameters.
pub(super) fn start(
    call: &LlmHttpRequest<'_>,
    (provider, api): (&str, &str),
    members: &Members,
    content: &'static [&'static str],
    inputs: &[&str],
    build: fn(&Members) -> Vec<Value>,
) -> LlmStart {
    let build = move |members: &Members| -> Vec<Value> {
        build(members).into_iter().map(without_files).collect()
    };
    let mut start = members.start(call.provider_or(provider), api, content, build);
    start.inputs = count(members, inputs);
    start.model = start.model.or_else(|| members.text("model_id").map(Into::into));
    start.model = start.model.or_else(|| openai::model_of(&call.path()).map(Into::into));
    start
}

/// Returns how many items the first of these members has that is present.
pub(super) fn count(members: &Members, names: &[&str]) -> Option<u64> {
    let mut found = names.iter().filter_map(|name| members.read::<Part>(name));
    found.find(|part| part.kind != Kind::Nothing).map(|part| part.count())
}

/// Returns the items of the first of these members that is present. An array of numbers is one text, in tokens.
pub(super) fn items(members: &Members, names: &[&str]) -> Vec<Value> {
    match names.iter().find_map(|name| members.value(name)) {
        Some(Value::Array(all)) if !all.iter().any(Value::is_number) => all,
        one => one.into_iter().collect(),
    }
}

/// Replaces files within an input by their size.
pub(in crate::wire) fn without_files(mut input: Value) -> Value {
    match &mut input {
        Value::String(text) => redact::without_file(text).map_or(input, Value::from),
        Value::Array(items) => items.drain(..).map(without_files).collect(),
        Value::Object(members) => {
            members.values_mut().for_each(|value| *value = without_files(value.take()));
            input
        }
        _ => input,
    }
}
