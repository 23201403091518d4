use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::json::{self, compacted, members_of};

/// The arguments of a tool call, or a fragment: a JSON text. Where the API has a text, gateways send the object itself, or
/// an array, and the other way round. A value is taken as it is written, without spaces.
///
/// Empty unless it is one of these, and for an empty object, which may mean arguments that follow.
#[derive(Debug, Default)]
pub(in crate::wire) struct JsonText<'a>(pub(in crate::wire) Cow<'a, str>, Option<&'static str>);

impl<'a> JsonText<'a> {
    /// Returns the text unless it is empty.
    pub(in crate::wire) fn filled(self) -> Option<Cow<'a, str>> {
        Some(self.0).filter(|text| !text.is_empty())
    }

    /// Returns all arguments of a call. `None` if there is no value.
    pub(in crate::wire) fn whole(self) -> Option<Cow<'a, str>> {
        let empty = self.1.map(Cow::Borrowed);
        self.filled().or(empty)
    }

    /// Reads a member of an object: one that is read as another type at every event.
    pub(in crate::wire) fn member(object: &'a str, name: &str) -> Self {
        let mut found = Self::default();
        members_of(object, |member, value| {
            if member == name {
                found = Self::of(value);
            }
        });
        found
    }

    fn of(value: &'a str) -> Self {
        let text = match value.as_bytes().first() {
            Some(b'"') => match serde_json::from_str::<&str>(value) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => json::value(value)
                    .and_then(|text| Some(Cow::Owned(text.as_str()?.to_owned())))
                    .unwrap_or_default(),
            },
            Some(b'{' | b'[') => match compacted(value) {
                // PHP writes an empty array for an empty object.
                text if text == "{}" => return Self(Cow::default(), Some("{}")),
                text if text == "[]" => return Self(Cow::default(), Some("[]")),
                text => text,
            },
            _ => Cow::default(),
        };
        Self(text, None)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self::of(raw.get()))
    }
}
