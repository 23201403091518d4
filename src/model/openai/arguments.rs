use std::borrow::Cow;

use serde_json::Value;

/// The arguments of a call, which are a string of JSON here.
///
/// A string is taken for what the model itself said, as results and events have it, and given back
/// word for word: it need not be valid. There are servers that take no empty one.
pub(super) fn text(arguments: &Value) -> Cow<'_, str> {
    match arguments {
        Value::Null => "{}".into(),
        Value::String(text) if text.trim().is_empty() => "{}".into(),
        Value::String(text) => text.into(),
        value => value.to_string().into(),
    }
}
