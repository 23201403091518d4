use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::json::{self, compacted};

/// The arguments of a tool call, or a fragment: a JSON text. An object, which some servers send instead, is taken as it is
/// written, without spaces.
#[derive(Debug, Default)]
pub(in crate::wire) struct JsonText<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for JsonText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let text = of(raw).unwrap_or_default();
        Ok(Self(match raw.get().as_bytes().first() {
            Some(b'[') => Cow::default(),
            // An empty object may mean arguments that follow.
            Some(b'{') if text == "{}" => Cow::default(),
            _ => text,
        }))
    }
}

/// Returns arguments that are a string, an object or an array.
pub(in crate::wire) fn of(raw: &RawValue) -> Option<Cow<'_, str>> {
    match raw.get().as_bytes().first()? {
        b'"' => Some(match serde_json::from_str::<&str>(raw.get()) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(json::value(raw.get())?.as_str()?.to_owned()),
        }),
        b'{' | b'[' => Some(compacted(raw.get())),
        _ => None,
    }
}
