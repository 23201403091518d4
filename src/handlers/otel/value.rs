//! Attribute values: bounded strings, and JSON in OpenTelemetry's two forms.

use std::{collections::HashMap, sync::Arc};

use opentelemetry::{Array, Key, KeyValue, StringValue, Value, logs::AnyValue};
use serde_json::Value as Json;

use super::names;
use crate::{event::prefix, handlers::labels::Labels};

/// The maximum length of names and ids. Clients and providers may send longer ones.
const MAX_TEXT: usize = 256;

/// The depth to which JSON is parsed.
const MAX_DEPTH: usize = 128;

/// Truncates a name or id that is longer than [`MAX_TEXT`] bytes.
pub(super) fn short(text: &Arc<str>) -> StringValue {
    if text.len() <= MAX_TEXT { Arc::clone(text).into() } else { cut(text).into() }
}

/// Truncates a borrowed text like [`short`].
pub(super) fn cut(text: &str) -> String {
    prefix(text, MAX_TEXT).to_owned()
}

/// Returns a metric label's value, or `_OTHER` beyond the label's bound.
pub(super) fn bounded(labels: &Labels, value: &str) -> StringValue {
    labels.of(value).map_or(names::OTHER.into(), StringValue::from)
}

pub(super) fn text(key: &'static str, value: impl Into<StringValue>) -> KeyValue {
    KeyValue::new(key, Value::String(value.into()))
}

pub(super) fn texts(key: &'static str, values: Vec<StringValue>) -> KeyValue {
    KeyValue::new(key, Value::Array(Array::String(values)))
}

/// Returns a text as it is, and any other value as JSON.
pub(super) fn as_text(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// Integer attributes are signed.
pub(super) fn count(key: &'static str, value: u64) -> KeyValue {
    KeyValue::new(key, i64::try_from(value).unwrap_or(i64::MAX))
}

/// Converts JSON to a structured value.
pub(super) fn structured(json: &Json) -> AnyValue {
    nested(json, 0)
}

fn nested(json: &Json, depth: usize) -> AnyValue {
    match json {
        Json::Bool(flag) => AnyValue::Boolean(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => AnyValue::Int(integer),
            None => AnyValue::Double(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => AnyValue::String(text.clone().into()),
        Json::Array(values) if depth < MAX_DEPTH => {
            let values = values.iter().map(|value| nested(value, depth + 1));
            AnyValue::ListAny(Box::new(values.collect()))
        }
        Json::Object(members) if depth < MAX_DEPTH => {
            // `AnyValue` has no null.
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members =
                members.map(|(key, value)| (Key::from(key.clone()), nested(value, depth + 1)));
            AnyValue::Map(Box::new(members.collect::<HashMap<_, _>>()))
        }
        Json::Null => AnyValue::String("".into()),
        deep => AnyValue::String(deep.to_string().into()),
    }
}

/// Converts an attribute's value to a log record's.
pub(super) fn log_value(value: Value) -> AnyValue {
    match value {
        Value::Bool(flag) => flag.into(),
        Value::I64(integer) => integer.into(),
        Value::F64(number) => number.into(),
        Value::String(text) => AnyValue::String(text),
        Value::Array(Array::String(texts)) => texts.into_iter().collect(),
        other => AnyValue::String(other.as_str().into_owned().into()),
    }
}
