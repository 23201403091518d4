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
pub(in crate::wire) fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Fault> {
    match serde_json::from_str(json) {
        Ok(Object(Some(object))) => Ok(object),
        Ok(Object(None)) => Err(Fault::Unreadable),
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
