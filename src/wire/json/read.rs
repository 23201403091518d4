use serde::Deserialize;
use serde_json::Value;

use super::{Object, surrogates::repair};

/// The reason why a JSON text could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::wire) enum ReadError {
    /// The text has lone surrogates. The contained text, with them replaced, may be readable.
    Repaired(String),
    /// The text is not a JSON object, or not one that is expected.
    Unreadable,
}

/// Reads a JSON object.
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

/// Reads any JSON value, with its lone surrogates replaced.
pub(in crate::wire) fn value(json: &str) -> Option<Value> {
    serde_json::from_str(json)
        .or_else(|error| match repair(json) {
            Some(json) => serde_json::from_str(&json),
            None => Err(error),
        })
        .ok()
}
