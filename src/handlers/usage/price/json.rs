//! JSON whose numbers and repeated keys are kept, which values of JSON would not.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::PriceTableError;

pub(super) type ReadResult<T> = Result<T, PriceTableError>;

/// The members of an object in order, including duplicate keys.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object).map(Self)
    }
}

pub(super) fn error<T>(message: String) -> ReadResult<T> {
    Err(PriceTableError::new(message))
}

pub(super) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Reads the members of an object, whose keys must be distinct.
pub(super) fn members<'a>(json: &'a str, what: &str) -> ReadResult<Vec<(String, &'a RawValue)>> {
    let Members(members) = serde_json::from_str(json).map_err(|error| {
        PriceTableError::new(format!("{what} is not a valid JSON object")).with_source(error)
    })?;
    let mut keys = HashSet::new();
    for (key, _) in &members {
        if !keys.insert(key) {
            return error(format!("duplicate key {key:?} in {what}: remove one of them"));
        }
    }
    Ok(members)
}
