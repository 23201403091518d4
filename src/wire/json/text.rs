use std::{borrow::Cow, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

use super::lenient;

/// A string, borrowed from the JSON text unless it has escapes; `None` if the value is not a string.
///
/// Needed because serde always fills an `Option<Cow<str>>` with a copy.
#[derive(Debug, Default)]
pub(in crate::wire) struct Text<'a>(Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    pub(in crate::wire) fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }

    pub(in crate::wire) fn into_inner(self) -> Option<Cow<'a, str>> {
        self.0
    }

    /// Returns the string unless it is empty.
    pub(in crate::wire) fn filled(self) -> Option<Cow<'a, str>> {
        self.0.filter(|text| !text.is_empty())
    }

    /// Returns a finish reason. As long as there is none, servers send null, an empty text, or a text that says so:
    /// DashScope `null`, TGI and llama.cpp `none`, watsonx `not_finished`.
    pub(in crate::wire) fn reason(self) -> Option<Cow<'a, str>> {
        let is_none = |word: &str| {
            ["null", "none", "not_finished"].iter().any(|none| word.eq_ignore_ascii_case(none))
        };
        self.filled().filter(|word| !is_none(word))
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Some(Cow::Borrowed(text)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor(PhantomData))
    }
}

struct TextVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for TextVisitor<'a> {
    type Value = Text<'a>;

    lenient!(scalars numbers seq map);

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'a>, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'a>, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }
}
