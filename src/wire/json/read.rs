use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Object, compact,
    repair::{Repaired, repair},
};

/// The reason why a JSON text could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::wire) enum ReadError {
    /// The text is not valid JSON as serde reads it. The repaired one is.
    Repaired(Repaired),
    /// The text is not a JSON object, or not one that is expected.
    Unreadable,
}

/// Reads a JSON object.
///
/// Valid JSON is read at once. Only if that fails is the text repaired, so that tolerance costs nothing: neither a
/// struct nor a field knows of it.
pub(in crate::wire) fn read<'a, T: Default + Deserialize<'a>>(
    json: &'a str,
) -> Result<T, ReadError> {
    let mut object = Object::default();
    let mut text = serde_json::Deserializer::from_str(json);
    let read = Object::deserialize_in_place(&mut text, &mut object).and_then(|()| text.end());
    match read {
        Ok(()) => object.0.ok_or(ReadError::Unreadable),
        Err(_) => Err(repair(json).map_or(ReadError::Unreadable, ReadError::Repaired)),
    }
}

/// Reads any JSON value, repaired if needed.
pub(in crate::wire) fn value(json: &str) -> Option<Value> {
    let read = serde_json::from_str(json);
    read.or_else(|error| match repair(json) {
        Some(Repaired { text, .. }) => serde_json::from_str(&text),
        None => Err(error),
    })
    .ok()
}

/// Returns the text of a raw value without white space, repaired if needed: serde does not check the escapes of a
/// value that it does not parse.
pub(in crate::wire) fn compacted(raw: &str) -> Cow<'_, str> {
    // Only these escapes can be lone surrogates.
    if (raw.contains("\\ud") || raw.contains("\\uD"))
        && let Some(Repaired { text, lossy: true }) = repair(raw)
    {
        return Cow::Owned(text);
    }
    compact(raw)
}

/// Strips the brackets of an array of one object, the form of Google's errors. Returns other texts unchanged.
pub(in crate::wire) fn unwrapped(json: &str) -> &str {
    if !matches!(json.as_bytes().first(), Some(b'[' | b' ' | b'\n' | b'\r' | b'\t')) {
        return json;
    }
    let inner = json.trim_ascii().strip_prefix('[').and_then(|json| json.strip_suffix(']'));
    inner.filter(|inner| inner.trim_start().starts_with('{')).unwrap_or(json)
}
