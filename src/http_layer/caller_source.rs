//! Reads values of headers and bodies that rules about callers name.

use std::{borrow::Cow, collections::HashMap};

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, value::RawValue};

use crate::{percent::decoded, redact};

/// The longest value, in bytes.
const LONGEST: usize = 200;

/// A request's body, of which single members are read.
pub(super) struct Body(pub(super) Bytes);

impl Body {
    /// Returns the member at a path. Of the others, none is built: most of a body is its prompt.
    pub(super) fn member(&self, path: &[Box<str>]) -> Option<Value> {
        let (first, rest) = path.split_first()?;
        let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(&self.0).ok()?;
        member(&parsed(members.get(&**first)?.get())?, rest)
    }
}

pub(super) fn parsed(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok()
}

/// Returns the member at a path. A string on the way is a JSON text, as Claude Code's `metadata.user_id` is one.
pub(super) fn member(value: &Value, path: &[Box<str>]) -> Option<Value> {
    let Some((first, rest)) = path.split_first() else { return Some(value.clone()) };
    match value {
        Value::Object(members) => member(members.get(&**first)?, rest),
        Value::String(json) => member(parsed(json)?.as_object()?.get(&**first)?, rest),
        _ => None,
    }
}

/// Returns the value of a key of the `baggage` headers (W3C recommendation "Propagation format for distributed context",
/// section 3.3), without its properties.
pub(super) fn baggage(headers: &HeaderMap, key: &str) -> Option<String> {
    let lists = headers.get_all("baggage").iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).find_map(|entry| {
        let (name, value) = entry.split_once('=')?;
        let value = value.split(';').next().unwrap_or_default().trim();
        (name.trim() == key).then(|| String::from_utf8(decoded(value)).ok()).flatten()
    })
}

/// Returns the values that may be recorded: one, or those of a list.
pub(super) fn values(value: &Value, is_list: bool) -> Vec<Value> {
    match value {
        Value::Array(values) if is_list => {
            values.iter().flat_map(|it| values_of(it, false)).collect()
        }
        value => values_of(value, is_list),
    }
}

fn values_of(value: &Value, is_list: bool) -> Vec<Value> {
    match value {
        Value::String(text) if is_list => {
            text.split(',').filter_map(safe).map(Value::from).collect()
        }
        Value::String(text) => safe(text).map(Value::from).into_iter().collect(),
        Value::Number(_) | Value::Bool(_) => vec![value.clone()],
        _ => Vec::new(),
    }
}

/// Returns a text that is short and has neither a key in it nor what a terminal would interpret.
fn safe(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_safe = (1..=LONGEST).contains(&text.len())
        && !text.chars().any(char::is_control)
        && redact::text(text) == text;
    is_safe.then_some(text)
}
