use serde::Deserialize;
use serde_json::Value;

use super::{Object, surrogates::repair};

/// A JSON text could not be read as it is.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::wire) enum Fault {
    /// But with its lone surrogates replaced, as in this text, it may be.
    Repaired(String),
    /// In no way.
    Unreadable,
}

/// Reads a JSON object.
pub(in crate::wire) fn read<'a, T: Default + Deserialize<'a>>(json: &'a str) -> Result<T, Fault> {
    let mut object = Object::default();
    let mut text = serde_json::Deserializer::from_str(json);
    let read = Object::deserialize_in_place(&mut text, &mut object).and_then(|()| text.end());
    match read {
        Ok(()) => object.0.ok_or(Fault::Unreadable),
        Err(_) => Err(repair(json).map_or(Fault::Unreadable, Fault::Repaired)),
    }
}

/// Reads any JSON value, its lone surrogates replaced.
pub(in crate::wire) fn value(json: &str) -> Option<Value> {
    serde_json::from_str(json)
        .or_else(|error| match repair(json) {
            Some(json) => serde_json::from_str(&json),
            None => Err(error),
        })
        .ok()
}
